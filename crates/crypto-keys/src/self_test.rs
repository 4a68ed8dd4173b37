//! Known answers before any key is trusted to this build and this machine, then one round trip through every loaded key.

use vutf_kernel::{Entropy, Secret};

use crate::{
    CryptoError, Decision, FieldRef, Keyring, Operation, Purpose, ServiceUse,
    hazmat::{aead, kdf::hkdf_sha512, mac::hmac_sha256},
    keyring::{open_with, seal_with},
    signing::{self, Signer},
    snapshot::Loaded,
};

impl Keyring {
    /// Known answers of every primitive, and a round trip through every loaded key that may protect. Not cheap: for the
    /// start and for health checks at long intervals.
    pub fn self_test(&self) -> Result<(), CryptoError> {
        known_answers()?;
        for key in self.snapshot().all() {
            if key.may(Operation::Protect) == Decision::Allow {
                round_trip(key)?;
            }
        }
        Ok(())
    }
}

fn expect(holds: bool, what: &'static str) -> Result<(), CryptoError> {
    if holds {
        Ok(())
    } else {
        Err(CryptoError::SelfTest(what))
    }
}

fn known_answers() -> Result<(), CryptoError> {
    // RFC 4231, test case 2.
    let tag = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
    expect(
        tag == hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        "HMAC-SHA-256",
    )?;

    // Project Wycheproof, hkdf_sha512, case 12.
    let okm = hkdf_sha512::<64>(
        &hex::<16>("7a00817689a3d79001825a864c69c120"),
        &hex::<16>("08bc01c053a6406c7c4a667c9b9b3894"),
        &[&hex::<20>("967ccd75395be6e96a67759f070487c9e2107791")],
    )?;
    let expected = hex(concat!(
        "aed987bcc5ed33c4feec7b28aa9fe1c16b1181e00ff42c63cf692ec19242f6d4",
        "628604b3382db0806d5e61518f83fc651e6f3bd0a9d1322926a76869b98b75d6"
    ));
    expect(*okm == expected, "HKDF-SHA-512")?;

    // Project Wycheproof, xchacha20_poly1305, case 2.
    let key = hex("ab1562faea9f47af3ae1c3d6d030e3af230255dff3df583ced6fbbcbf9d606a9");
    let nonce = hex("6a5e0c4617e07091b605a4de2c02dde117de2ebd53b23497");
    let tag = hex("e2697ea6877aba39d9555a00e14db041");
    let made = aead::encrypt(&key, &nonce, b"", &mut [])?;
    expect(
        made == tag && aead::decrypt(&key, &nonce, b"x", &mut [], &tag).is_err(),
        "XChaCha20-Poly1305",
    )?;

    // RFC 8032, section 7.1, test 1.
    let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let signer = Signer::from_seed(&Secret::new(seed))?;
    let signature = signer.sign(b"")?;
    let expected = hex(concat!(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    ));
    expect(
        signature == expected && !signing::verify(&signer.public_key(), b"x", &signature),
        "Ed25519",
    )
}

fn round_trip(key: &Loaded) -> Result<(), CryptoError> {
    match &key.purpose {
        Purpose::Field { table } => {
            let field = FieldRef {
                organization_id: key.organization_id,
                table,
                column: "self-test",
                row: b"self-test",
                subject: None,
            };
            let sealed = seal_with(key, &field, b"self-test", &mut Fixed)?;
            let opened = open_with(key, &field, &sealed)?;
            let elsewhere = FieldRef {
                row: b"another",
                ..field
            };
            expect(
                opened.expose() == b"self-test" && open_with(key, &elsewhere, &sealed).is_err(),
                "a field key",
            )
        }
        Purpose::TokenSigning
        | Purpose::Service {
            service: ServiceUse::Sign,
            ..
        } => {
            let signer = key.signer()?;
            let signature = signer.sign(b"self-test")?;
            expect(
                signing::verify(&signer.public_key(), b"self-test", &signature),
                "a signing key",
            )
        }
        Purpose::Index { .. }
        | Purpose::Mac { .. }
        | Purpose::Service {
            service: ServiceUse::Mac,
            ..
        } => key.mac_key().map(|_| ()),
        // Keys of single persons are not held here, and other programs' keys are tried by their first use.
        Purpose::Tenant | Purpose::Subject { .. } | Purpose::Service { .. } => Ok(()),
    }
}

/// A constant nonce is harmless here: one constant message, sealed and forgotten.
struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, buffer: &mut [u8]) {
        buffer.fill(0x5A);
    }
}

/// The bytes of a hexadecimal constant; anything else in it makes the known answer wrong, and the test fail.
fn hex<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_answers_are_reproduced() {
        known_answers().unwrap();
        Keyring::new().self_test().unwrap();
    }
}
