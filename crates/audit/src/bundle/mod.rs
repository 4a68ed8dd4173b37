//! The whole log as files that a stranger can verify, with nothing but a public key: the layout of
//! [C2SP tlog-tiles](https://c2sp.org/tlog-tiles), so that foreign programs read it as well.
//!
//! | file | what it is |
//! |---|---|
//! | `checkpoint` | the signed head: a note with origin, size and root |
//! | `tile/L/N` | 256 hashes of a level, or fewer in the last one (`.p/W`) |
//! | `tile/entries/N` | 256 entries, each behind its length in two bytes; one without bytes was pruned |
//! | `checkpoints` | the checkpoints that were kept, oldest first, each behind its length in four bytes |
//! | `pruned` | a line `SEQ LEAF-HASH EVENT` for each entry whose body was pruned, with the event in the log that tells of it; absent when there is none |
//! | `keys` | the public keys, one a line, for convenience: believe those that you were given by another way |
//! | `README.txt` | how to verify it |
//!
//! Nothing here knows a file system: [`BundleSink`] takes files, [`BundleSource`] gives them.

mod read;
mod write;

use std::io;

pub use read::{BundleFault, BundleReport, verify_bundle};
pub use write::{BundleError, write_bundle};

/// The signed head.
pub const CHECKPOINT: &str = "checkpoint";
/// The checkpoints that were kept.
pub const CHECKPOINTS: &str = "checkpoints";
/// Public keys.
pub const KEYS: &str = "keys";
/// What was pruned.
pub const PRUNED: &str = "pruned";
/// How to verify it.
pub const README: &str = "README.txt";

/// Takes the files of a bundle, each once.
pub trait BundleSink: Send {
    /// Writes the file at `path`, whose folders are separated by `/`.
    ///
    /// # Errors
    /// What the medium says.
    fn put(&mut self, path: &str, content: &[u8]) -> io::Result<()>;
}

/// Gives the files of a bundle.
pub trait BundleSource {
    /// The file at `path`, or `None`; one that is longer than `limit` bytes is an error.
    ///
    /// # Errors
    /// What the medium says.
    fn get(&mut self, path: &str, limit: usize) -> io::Result<Option<Vec<u8>>>;
}

impl BundleSink for std::collections::BTreeMap<String, Vec<u8>> {
    fn put(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        self.insert(path.to_owned(), content.to_vec());
        Ok(())
    }
}

impl BundleSource for std::collections::BTreeMap<String, Vec<u8>> {
    fn get(&mut self, path: &str, limit: usize) -> io::Result<Option<Vec<u8>>> {
        match std::collections::BTreeMap::get(self, path) {
            Some(content) if content.len() > limit => Err(io::Error::other("the file is too long")),
            found => Ok(found.cloned()),
        }
    }
}
