//! Known answers before any key is trusted to this build and this machine, then one round trip through every loaded key.

mod known;

pub use known::known_answers;

use vutf_kernel::Entropy;

use crate::{
    CryptoError, Decision, FieldRef, Keyring, Operation, Purpose, ServiceUse,
    keyring::{open_with, seal_with},
    signing,
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
            known::expect(
                opened.expose() == b"self-test" && open_with(key, &elsewhere, &sealed).is_err(),
                "a field key",
            )
        }
        Purpose::TokenSigning
        | Purpose::CheckpointSigning
        | Purpose::Service {
            service: ServiceUse::Sign,
            ..
        } => {
            let signer = key.signer()?;
            let signature = signer.sign(b"self-test")?;
            known::expect(
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
