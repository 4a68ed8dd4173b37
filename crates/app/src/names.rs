//! Names that match no account are hidden by a key of the registry.

use std::sync::Arc;

use vutf_crypto_keys::{Keyring, Purpose};
use vutf_identity::guard::KeyedHash;
use vutf_kernel::{OrganizationId, PortError};

const KEY: &str = "login-guard";

/// The identity domain's keyed hash over the key ring.
pub struct KeyringHash {
    keyring: Arc<Keyring>,
}

impl KeyringHash {
    /// With the keys in `keyring`.
    pub fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring }
    }
    /// The key that each organization must have for it.
    pub fn purpose() -> Purpose {
        Purpose::mac(KEY)
    }
}

impl KeyedHash for KeyringHash {
    fn hash(&self, organization: OrganizationId, message: &[u8]) -> Result<[u8; 32], PortError> {
        self.keyring
            .mac(organization, KEY, message)
            .map_err(|error| error.into_port("login.guard"))
    }
}
