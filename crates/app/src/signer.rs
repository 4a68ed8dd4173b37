//! Access tokens are signed by a key of the registry.

use std::sync::Arc;

use vutf_crypto_keys::{Keyring, Purpose};
use vutf_identity::token::{Signed, TokenSigner};
use vutf_kernel::{OrganizationId, PortError};

/// The identity domain's signing port over the key ring.
pub struct KeyringSigner {
    keyring: Arc<Keyring>,
    organization_id: OrganizationId,
}

impl KeyringSigner {
    /// Signs with the keys of `organization_id`.
    pub fn new(keyring: Arc<Keyring>, organization_id: OrganizationId) -> Self {
        Self {
            keyring,
            organization_id,
        }
    }
}

impl TokenSigner for KeyringSigner {
    fn active(&self) -> Result<[u8; 32], PortError> {
        self.keyring
            .verifying_keys(self.organization_id, &Purpose::TokenSigning)
            .into_iter()
            .find(|key| key.state == vutf_crypto_keys::KeyState::Active)
            .map(|key| key.public_key)
            .ok_or_else(|| PortError::other("token.active_key", "no active token-signing key is loaded"))
    }

    fn sign(&self, message: &[u8]) -> Result<Signed, PortError> {
        let signature = self
            .keyring
            .sign(self.organization_id, &Purpose::TokenSigning, message)
            .map_err(|error| error.into_port("token.sign"))?;
        Ok(Signed {
            public_key: signature.public_key,
            signature: signature.bytes,
        })
    }

    fn verifying(&self) -> Vec<[u8; 32]> {
        let keys = self
            .keyring
            .verifying_keys(self.organization_id, &Purpose::TokenSigning);
        keys.into_iter().map(|key| key.public_key).collect()
    }
}
