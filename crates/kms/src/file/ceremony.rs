//! The key in the file in shares, and back; and a key from elsewhere into a file.

use std::path::Path;

use vutf_kernel::{Entropy, Secret};

use super::{FileError, FileKek, FileWrapper, disk, encode, format, open_key};
use crate::shamir::{self, Share};

impl FileWrapper {
    /// Shares of the key in the file, any `threshold` of which join it. The file stays as it is.
    pub fn split(
        path: &Path,
        protection: &FileKek,
        threshold: u8,
        shares: u8,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<Share>, FileError> {
        let (kek_id, key) = open_key(path, protection)?;
        Ok(shamir::split(&kek_id, &key, threshold, shares, entropy)?)
    }

    /// Makes the file from a key that was kept elsewhere until now, e.g. in the configuration: rows go on naming `kek_id`.
    /// [`FileError::Exists`] when there is one.
    pub fn import(
        path: &Path,
        protection: &FileKek,
        kek_id: &str,
        key: Secret<[u8; 32]>,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, FileError> {
        if !format::is_kek_id(kek_id) {
            return Err(FileError::KekId {
                text: kek_id.to_owned(),
            });
        }
        let text = encode(kek_id, &key, protection, entropy)?;
        disk::create(path, &text, entropy)?;
        Self::build(kek_id.to_owned(), Some(path), key)
    }

    /// Joins `shares` and makes the file from the key, under `protection`; [`FileError::Exists`] when there is one.
    pub fn join(
        path: &Path,
        protection: &FileKek,
        shares: &[Share],
        entropy: &mut dyn Entropy,
    ) -> Result<Self, FileError> {
        let joined = shamir::join(shares)?;
        Self::import(path, protection, &joined.kek_id, joined.key, entropy)
    }

    /// Writes a share to a new file that only the owner can read; [`FileError::Exists`] when there is one.
    pub fn write_share(path: &Path, share: &Share, entropy: &mut dyn Entropy) -> Result<(), FileError> {
        disk::create(path, share.to_text().as_bytes(), entropy)
    }

    /// Reads a share from a file that only the owner can read.
    pub fn read_share(path: &Path) -> Result<Share, FileError> {
        let bytes = disk::read(path)?;
        let text = str::from_utf8(&bytes).map_err(|_| shamir::ShareError::Text("it is not text"))?;
        Ok(Share::parse(text)?)
    }
}
