//! Rows of the registry that carry a MAC over all that they say, so that whoever writes to the database cannot write them.

use vutf_kernel::Secret;

use crate::{CryptoError, hazmat::mac};

/// A row with a MAC under the registry key of a tenant key.
pub(crate) trait Authenticated: Sized {
    /// Domain and every field but the MAC, each with its length before it.
    fn mac_input(&self) -> Result<Vec<u8>, CryptoError>;
    /// The MAC that stands in the row: HMAC-SHA-256.
    fn mac(&self) -> &[u8; 32];
    /// The same row with this MAC.
    fn with_mac(self, mac: [u8; 32]) -> Self;

    /// The same row with the MAC that belongs to it.
    fn authenticated(self, registry_key: &Secret<[u8; 32]>) -> Result<Self, CryptoError> {
        let tag = mac::hmac_sha256(registry_key.expose(), &self.mac_input()?);
        Ok(self.with_mac(tag))
    }

    /// Whether the MAC is the one that belongs to the row; compared in constant time.
    fn is_authentic(&self, registry_key: &Secret<[u8; 32]>) -> Result<bool, CryptoError> {
        let expected = mac::hmac_sha256(registry_key.expose(), &self.mac_input()?);
        Ok(mac::equal(&expected, self.mac()))
    }
}
