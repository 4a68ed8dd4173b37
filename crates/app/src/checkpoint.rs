//! Checkpoints of the audit log are signed by a key of the registry, which no database holds in clear.

use std::sync::Arc;

use vutf_audit::{
    CheckpointSigner,
    tlog::{KeyKind, KeyName, NoteSignature, VerifierKey},
};
use vutf_crypto_keys::{KeyReader, Keyring, Purpose};
use vutf_kernel::{Fault, OrganizationId, PortError};

const OP: &str = "audit.sign";

/// The name of a log that nobody has named: of the first key that signed its checkpoints, whose row stays for ever.
///
/// # Errors
/// The registry cannot be read, or holds no such key.
pub async fn default_origin(registry: &dyn KeyReader) -> Result<KeyName, PortError> {
    let keys = registry.list(Some(OrganizationId::DEFAULT)).await?;
    let first = keys
        .iter()
        .filter(|key| key.purpose == Purpose::CheckpointSigning)
        .min_by_key(|key| key.version);
    let name =
        first.and_then(|key| KeyName::parse(&format!("violentutf.audit/{}", key.id.as_uuid().simple())));
    name.ok_or_else(|| PortError::other(OP, "the registry has no key for checkpoints"))
}

/// The audit domain's signing port over the key ring. The log is one for the whole installation, and so is its key.
pub struct KeyringCheckpointSigner {
    keyring: Arc<Keyring>,
    origin: KeyName,
}

impl KeyringCheckpointSigner {
    /// Signs as `origin`.
    pub fn new(keyring: Arc<Keyring>, origin: KeyName) -> Self {
        Self { keyring, origin }
    }

    /// The key that the service needs for it.
    pub const fn purpose() -> Purpose {
        Purpose::CheckpointSigning
    }

    fn vkey(&self, public: [u8; 32]) -> VerifierKey {
        VerifierKey::new(self.origin.clone(), KeyKind::Note, public)
    }
}

impl CheckpointSigner for KeyringCheckpointSigner {
    fn origin(&self) -> &KeyName {
        &self.origin
    }

    fn sign(&self, text: &str) -> Result<Vec<NoteSignature>, PortError> {
        let signature = self
            .keyring
            .sign(
                OrganizationId::DEFAULT,
                &Purpose::CheckpointSigning,
                text.as_bytes(),
            )
            .map_err(|error| error.into_port(OP))?;
        let key = self.vkey(signature.public_key);
        Ok(vec![NoteSignature::by(&key, signature.bytes.to_vec())])
    }

    fn verifiers(&self) -> Result<Vec<VerifierKey>, PortError> {
        let keys = self
            .keyring
            .verifying_keys(OrganizationId::DEFAULT, &Purpose::CheckpointSigning);
        if keys.is_empty() {
            return Err(PortError::new(
                OP,
                Fault::Unreachable,
                "no key for checkpoints is loaded",
            ));
        }
        Ok(keys.into_iter().map(|key| self.vkey(key.public_key)).collect())
    }
}
