//! One published answer of each primitive, as FIPS 140-3 (ISO/IEC 19790:2012, section 7.10) asks of a module before its
//! first service. The answers are data apart from the computation, so that a test can put a wrong one in their place.

use vutf_kernel::Secret;
use zeroize::Zeroizing;

use crate::{
    CryptoError,
    hazmat::{kdf::hkdf_sha512, mac::hmac_sha256, xaes::XaesKey, xchacha::XChaChaKey},
    signing::{self, Signer},
};

/// Computes the published answer of every primitive of this crate again: HMAC-SHA-256, HKDF-SHA-512, XChaCha20-Poly1305,
/// XAES-256-GCM, Ed25519. Takes well below a millisecond and needs no key: run it before anything is served, and serve
/// nothing when it fails. [`Keyring::self_test`](crate::Keyring::self_test) includes it.
///
/// # Errors
/// [`CryptoError::SelfTest`] names the first primitive whose answer was another one.
pub fn known_answers() -> Result<(), CryptoError> {
    hold(&Answers::published())
}

/// What must come out, and for ciphers what must open.
struct Answers {
    /// RFC 4231, test case 2.
    hmac_sha_256: [u8; 32],
    /// Project Wycheproof, hkdf_sha512, case 12.
    hkdf_sha_512: [u8; 64],
    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1: ciphertext, tag.
    xchacha20_poly1305: ([u8; 114], [u8; 16]),
    /// C2SP XAES-256-GCM, the second test vector: ciphertext, tag.
    xaes_256_gcm: ([u8; 12], [u8; 16]),
    /// RFC 8032, section 7.1, test 2.
    ed25519: [u8; 64],
}

impl Answers {
    fn published() -> Self {
        Self {
            hmac_sha_256: hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            hkdf_sha_512: hex(concat!(
                "aed987bcc5ed33c4feec7b28aa9fe1c16b1181e00ff42c63cf692ec19242f6d4",
                "628604b3382db0806d5e61518f83fc651e6f3bd0a9d1322926a76869b98b75d6"
            )),
            xchacha20_poly1305: (
                hex(concat!(
                    "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb",
                    "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452",
                    "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9",
                    "21f9664c97637da9768812f615c68b13b52e"
                )),
                hex("c0875924c1c7987947deafd8780acf49"),
            ),
            xaes_256_gcm: (
                hex("986ec1832593df5443a17943"),
                hex("7fd083bf3fdb41abd740a21f71eb769d"),
            ),
            ed25519: hex(concat!(
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
                "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            )),
        }
    }
}

fn hold(answers: &Answers) -> Result<(), CryptoError> {
    let tag = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
    expect(tag == answers.hmac_sha_256, "HMAC-SHA-256")?;
    hkdf(&answers.hkdf_sha_512)?;
    let (ciphertext, tag) = &answers.xchacha20_poly1305;
    xchacha20_poly1305(ciphertext, tag)?;
    let (ciphertext, tag) = &answers.xaes_256_gcm;
    xaes_256_gcm(ciphertext, tag)?;
    ed25519(&answers.ed25519)
}

fn hkdf(expected: &[u8; 64]) -> Result<(), CryptoError> {
    let okm = hkdf_sha512::<64>(
        &hex::<16>("7a00817689a3d79001825a864c69c120"),
        &hex::<16>("08bc01c053a6406c7c4a667c9b9b3894"),
        &[&hex::<20>("967ccd75395be6e96a67759f070487c9e2107791")],
    )?;
    expect(*okm == *expected, "HKDF-SHA-512")
}

fn xchacha20_poly1305(ciphertext: &[u8], tag: &[u8; 16]) -> Result<(), CryptoError> {
    let plaintext =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
        sunscreen would be it.";
    let key = hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    let key = XChaChaKey::new(Zeroizing::new(key));
    let nonce = hex("404142434445464748494a4b4c4d4e4f5051525354555657");
    let aad = hex::<12>("50515253c0c1c2c3c4c5c6c7");
    let mut made = *plaintext;
    let made_tag = key.encrypt(&nonce, &aad, &mut made)?;
    let opened = key.decrypt(&nonce, &aad, ciphertext, tag);
    let refused = key.decrypt(&nonce, b"", ciphertext, tag).is_err();
    expect(
        made == ciphertext && made_tag == *tag && is(opened, plaintext) && refused,
        "XChaCha20-Poly1305",
    )
}

fn xaes_256_gcm(ciphertext: &[u8], tag: &[u8; 16]) -> Result<(), CryptoError> {
    let (nonce, aad) = (b"ABCDEFGHIJKLMNOPQRSTUVWX", b"c2sp.org/XAES-256-GCM");
    let key = XaesKey::new(&[3; 32])?;
    let mut made = *b"XAES-256-GCM";
    let made_tag = key.encrypt(nonce, aad, &mut made)?;
    let opened = key.decrypt(nonce, aad, ciphertext, tag);
    let refused = key.decrypt(nonce, b"", ciphertext, tag).is_err();
    expect(
        made == ciphertext && made_tag == *tag && is(opened, b"XAES-256-GCM") && refused,
        "XAES-256-GCM",
    )
}

fn ed25519(expected: &[u8; 64]) -> Result<(), CryptoError> {
    let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let public_key = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    let signer = Signer::from_seed(&Secret::new(seed))?;
    expect(
        signer.public_key() == public_key
            && signer.sign(b"r")? == *expected
            && signing::verify(&public_key, b"r", expected)
            && !signing::verify(&public_key, b"x", expected),
        "Ed25519",
    )
}

fn is(opened: Result<Secret<Vec<u8>>, CryptoError>, plaintext: &[u8]) -> bool {
    opened.is_ok_and(|opened| opened.expose() == plaintext)
}

/// [`CryptoError::SelfTest`] of `what`, unless it holds.
pub(super) fn expect(holds: bool, what: &'static str) -> Result<(), CryptoError> {
    if holds {
        Ok(())
    } else {
        Err(CryptoError::SelfTest(what))
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
    use crate::Keyring;

    #[test]
    fn the_published_answers_are_reproduced() {
        known_answers().unwrap();
        Keyring::new().self_test().unwrap();
    }

    #[test]
    fn a_wrong_answer_of_any_primitive_refuses_and_is_named() {
        type Fault = (&'static str, fn(&mut Answers));
        let faults: [Fault; 7] = [
            ("HMAC-SHA-256", |answers| answers.hmac_sha_256[31] ^= 1),
            ("HKDF-SHA-512", |answers| answers.hkdf_sha_512[63] ^= 1),
            ("XChaCha20-Poly1305", |answers| {
                answers.xchacha20_poly1305.0[0] ^= 1;
            }),
            ("XChaCha20-Poly1305", |answers| {
                answers.xchacha20_poly1305.1[0] ^= 1;
            }),
            ("XAES-256-GCM", |answers| answers.xaes_256_gcm.0[0] ^= 1),
            ("XAES-256-GCM", |answers| answers.xaes_256_gcm.1[0] ^= 1),
            ("Ed25519", |answers| answers.ed25519[0] ^= 1),
        ];
        for (name, break_it) in faults {
            let mut answers = Answers::published();
            break_it(&mut answers);
            assert_eq!(hold(&answers), Err(CryptoError::SelfTest(name)));
        }
    }
}
