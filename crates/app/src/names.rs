//! Names that match no account, and places, are hidden by a key of the registry; another vouches for known browsers.

use std::sync::Arc;

use vutf_crypto_keys::{Keyring, Purpose};
use vutf_identity::guard::KeyedHash;
use vutf_kernel::{OrganizationId, PortError};

const NAMES: &str = "login-guard";
const DEVICES: &str = "known-device";

/// The identity domain's keyed hash over the key ring.
pub struct KeyringHash {
    keyring: Arc<Keyring>,
    key: &'static str,
}

impl KeyringHash {
    /// Of names and places.
    pub fn names(keyring: Arc<Keyring>) -> Self {
        Self { keyring, key: NAMES }
    }
    /// Of known browsers.
    pub fn devices(keyring: Arc<Keyring>) -> Self {
        Self {
            keyring,
            key: DEVICES,
        }
    }
    /// The keys that each organization must have for them.
    pub fn purposes() -> [Purpose; 2] {
        [NAMES, DEVICES].map(Purpose::mac)
    }
}

impl KeyedHash for KeyringHash {
    fn hash(&self, organization: OrganizationId, message: &[u8]) -> Result<[u8; 32], PortError> {
        self.keyring
            .mac(organization, self.key, message)
            .map_err(|error| error.into_port("login.guard"))
    }
    fn verify(
        &self,
        organization: OrganizationId,
        message: &[u8],
        tag: &[u8; 32],
    ) -> Result<bool, PortError> {
        self.keyring
            .verify_mac(organization, self.key, message, tag)
            .map_err(|error| error.into_port("login.guard"))
    }
}
