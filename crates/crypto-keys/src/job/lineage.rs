//! Which version of a key protects now, and which are older.

use vutf_kernel::{KeyId, OrganizationId, Timestamp};

use crate::{CryptoError, Keyring, Purpose};

/// The versions of a key that are loaded, as a job sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The key that protects new data.
    pub newest: KeyId,
    /// Its version.
    pub version: u32,
    /// Since when.
    pub since: Option<Timestamp>,
    /// All before it, in whatever state, oldest first.
    pub older: Vec<KeyId>,
}

impl Keyring {
    /// The versions of a key. A version that is newer than the one that protects is not in use yet, and not named.
    pub fn lineage(&self, organization: OrganizationId, purpose: &Purpose) -> Result<Lineage, CryptoError> {
        let snapshot = self.snapshot();
        let newest = snapshot.protecting(organization, purpose.borrowed())?;
        let older = snapshot.versions(organization, purpose.borrowed()).iter().rev();
        Ok(Lineage {
            newest: newest.id,
            version: newest.version,
            since: newest.activated_at,
            older: older
                .filter(|key| key.version < newest.version)
                .map(|key| key.id)
                .collect(),
        })
    }
}
