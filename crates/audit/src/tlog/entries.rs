//! Bundles of entries: up to 256 of them, each behind its length in two bytes.

use crate::merkle::{TILE_WIDTH, TilePathError};

/// Bytes of the longest entry that a bundle holds: its length is written in two bytes (C2SP tlog-tiles, "Log Entries").
pub const MAX_ENTRY: usize = 65_535;

/// Why bytes are no bundle of entries, or entries make none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The last entry ends before its length.
    #[error("the bundle ends within an entry")]
    Truncated,
    /// More entries than a tile has hashes.
    #[error("a bundle of more than 256 entries")]
    TooMany,
    /// The length is written in two bytes.
    #[error("an entry of {0} bytes: a bundle holds entries of at most 65,535")]
    TooLong(usize),
}

/// The path of a bundle below `tile/entries/`.
pub fn bundle_path(index: u64, width: u64) -> String {
    crate::merkle::path_of(index, width)
}

/// Reads [`bundle_path`]: index and width, the latter 256 for a full bundle.
pub fn parse_bundle_path(path: &str) -> Result<(u64, u64), TilePathError> {
    crate::merkle::parse_index(path)
}

/// Writes a bundle.
pub fn entry_bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, BundleError> {
    let (mut bundle, mut count) = (Vec::new(), 0);
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| BundleError::TooLong(entry.len()))?;
        count += 1;
        if count > TILE_WIDTH {
            return Err(BundleError::TooMany);
        }
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Ok(bundle)
}

/// Reads a bundle.
pub fn entries_of(mut bundle: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or(BundleError::Truncated)?;
        if u64::try_from(entries.len()) == Ok(TILE_WIDTH) {
            return Err(BundleError::TooMany);
        }
        entries.push(entry);
        bundle = rest;
    }
    if bundle.is_empty() {
        Ok(entries)
    } else {
        Err(BundleError::Truncated)
    }
}
