//! The key of a file of lines that lies outside the database: whoever can write to the file, and has no key-encryption key,
//! cannot add to it.
//!
//! The key is kept in the file itself, wrapped by the key-encryption key: an older database that is restored, a rotated
//! tenant key, a purged registry take nothing away from it. Each tag covers the tag before it, so that a line which is
//! changed, moved, or taken out of the middle is noticed. The last lines can be cut off unseen.

use std::fmt;

use vutf_kernel::{Entropy, PortError, Secret};

use crate::{
    CryptoError, Keks, KeyWrapper, Wraps,
    associated::length_prefixed,
    hazmat::mac::{MAC, MacKey, equal},
};

const CONTEXT: &[u8] = b"vutf/journal-key/v1";
const LINE: &[u8] = b"vutf/journal-line/v1";

/// The key of one file.
pub struct JournalKey {
    name: &'static str,
    key: Secret<[u8; 32]>,
    mac: MacKey,
}

/// A line's tag.
pub type JournalTag = [u8; MAC];

impl JournalKey {
    /// What the first line of a file follows.
    pub const START: JournalTag = [0; MAC];

    /// A fresh key for the kind of file that is called `name`.
    pub fn make(name: &'static str, entropy: &mut dyn Entropy) -> Self {
        Self::of(name, Secret::new(entropy.bytes()))
    }

    /// The key that [`JournalKey::wrapped`] made of the same `name`.
    pub async fn open(
        name: &'static str,
        wrapper: &dyn KeyWrapper,
        wraps: &Wraps,
    ) -> Result<Self, PortError> {
        let key = Keks::of(wrapper).unwrap(wraps, &context(name)?).await?;
        Ok(Self::of(name, key))
    }

    /// The key under every key-encryption key that wraps now, each proved to open it.
    pub async fn wrapped(&self, wrapper: &dyn KeyWrapper) -> Result<Wraps, PortError> {
        let (keks, context) = (Keks::of(wrapper), context(self.name)?);
        let wraps = keks.wrap(&self.key, &context).await?;
        keks.prove(&wraps, &self.key, &context).await?;
        Ok(wraps)
    }

    /// The tag of `line`, which follows the line with the tag `previous`.
    pub fn tag(&self, previous: &JournalTag, line: &[u8]) -> Result<JournalTag, CryptoError> {
        let name = self.name.as_bytes();
        Ok(self.mac.tag(&[&length_prefixed(&[LINE, name, previous, line])?]))
    }

    /// Whether `tag` is the one that belongs to `line` after `previous`.
    pub fn verifies(
        &self,
        previous: &JournalTag,
        line: &[u8],
        tag: &JournalTag,
    ) -> Result<bool, CryptoError> {
        Ok(equal(&self.tag(previous, line)?, tag))
    }

    fn of(name: &'static str, key: Secret<[u8; 32]>) -> Self {
        let mac = MacKey::new(key.expose());
        Self { name, key, mac }
    }
}

impl fmt::Debug for JournalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JournalKey({}, redacted)", self.name)
    }
}

fn context(name: &str) -> Result<Vec<u8>, PortError> {
    length_prefixed(&[CONTEXT, name.as_bytes()]).map_err(|error| error.into_port("journal.context"))
}
