//! A new key in the place of the one in the file, and what becomes of the previous one.
//!
//! ```text
//! kek.vutf = A                                     before
//! kek.vutf = A   kek.vutf.previous-A = A           1: the previous key has a name of its own
//! kek.vutf = B   kek.vutf.previous-A = A           2: one rename; rows are rewrapped after it
//! kek.vutf = B                                     3: forgotten, when no row names it any more
//! ```
//!
//! Each step is one atomic change of the directory, made durable before the next. A process that ends between any two, or a
//! machine that loses its power there, leaves a state in which every key that rows name can be opened.

use std::path::{Path, PathBuf};

use vutf_crypto_keys::Suite;
use vutf_kernel::{Entropy, Timestamp};

use super::{FileError, FileKek, FileWrapper, disk, encode, format, new_key, open_key};

/// The key in the file, and the previous ones beside it.
#[derive(Debug)]
pub struct FileKeks {
    /// Wraps.
    pub current: FileWrapper,
    /// Open what they wrapped before they were rotated; ordered by id.
    pub previous: Vec<FileWrapper>,
}

/// What a rotation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The previous key.
    pub from: String,
    /// The key that is in the file now.
    pub to: String,
    /// Where the previous key is kept.
    pub kept: PathBuf,
}

impl FileKeks {
    /// Opens the file, or makes it with a key of `suite` if there is none, and the previous keys that are kept beside it, all
    /// under the same protection. A previous key that cannot be opened is an error: rows may need it.
    pub fn open_or_create(
        path: &Path,
        protection: &FileKek,
        suite: Suite,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, FileError> {
        Self::beside(
            FileWrapper::open_or_create(path, protection, suite, entropy)?,
            path,
            protection,
        )
    }

    /// The same, and [`FileError::Missing`] when there is no file: for whoever knows that something is wrapped by its key.
    pub fn open(path: &Path, protection: &FileKek) -> Result<Self, FileError> {
        Self::beside(FileWrapper::open(path, protection)?, path, protection)
    }

    /// After the current key: a rotation that is done meanwhile names the previous key before it puts the next in place.
    fn beside(current: FileWrapper, path: &Path, protection: &FileKek) -> Result<Self, FileError> {
        let previous = open_previous(path, protection, &current.kek_id)?;
        Ok(Self { current, previous })
    }
}

impl FileWrapper {
    /// Puts a new random key of `suite` in the place of `expected`, which is kept as `<file>.previous-<id>`, and opened from
    /// there by [`FileKeks::open_or_create`]. Of several processes that try at once, one does; the others are told
    /// [`FileError::Busy`] or [`FileError::Exchanged`].
    pub fn rotate(
        path: &Path,
        protection: &FileKek,
        suite: Suite,
        expected: &str,
        entropy: &mut dyn Entropy,
    ) -> Result<Rotated, FileError> {
        let _lock = disk::lock(path, &beside(path, ".", ".lock"))?;
        let (from, _key) = open_key(path, protection)?;
        if from != expected {
            return Err(FileError::Exchanged {
                path: path.to_owned(),
                expected: expected.to_owned(),
                found: from,
            });
        }
        let (to, key) = new_key(suite, entropy);
        let text = encode(&to, &key, protection, entropy)?;
        let kept = previous_path(path, &from);
        if !disk::keep_as(path, &kept)? {
            // Left by a rotation that was cut off: then it is the same key.
            open_named(&kept, protection, &from)?;
        }
        disk::replace(path, &text, entropy)?;
        Ok(Rotated { from, to, kept })
    }

    /// The ids of the previous keys that are kept beside the file.
    pub fn previous_ids(path: &Path) -> Result<Vec<String>, FileError> {
        let mut ids = disk::names_after(path, &previous_prefix(path))?;
        ids.retain(|id| format::is_kek_id(id));
        Ok(ids)
    }

    /// Removes drafts of key files that processes left which were killed, and answers how many; what another process is
    /// writing at this moment stays.
    pub fn sweep(path: &Path, now: Timestamp) -> Result<usize, FileError> {
        disk::sweep(path, now)
    }

    /// Whether rows that name this id were wrapped by a key in a file or in the configuration, and not by a provider elsewhere:
    /// the ids of those have a colon.
    pub fn is_file_id(kek_id: &str) -> bool {
        format::is_kek_id(kek_id)
    }

    /// Removes a previous key, which cannot be undone: whatever is still wrapped by it, in backups too, is lost unless it is
    /// kept elsewhere. The key in the file itself is never removed.
    pub fn forget_previous(path: &Path, kek_id: &str) -> Result<(), FileError> {
        if !format::is_kek_id(kek_id) {
            return Err(FileError::KekId {
                text: kek_id.to_owned(),
            });
        }
        let _lock = disk::lock(path, &beside(path, ".", ".lock"))?;
        disk::remove(&previous_path(path, kek_id))
    }
}

fn open_previous(path: &Path, protection: &FileKek, current: &str) -> Result<Vec<FileWrapper>, FileError> {
    let mut previous = Vec::new();
    for kek_id in FileWrapper::previous_ids(path)? {
        // The second name of the current key: a rotation was cut off before the next key came.
        if kek_id != current {
            previous.push(open_named(&previous_path(path, &kek_id), protection, &kek_id)?);
        }
    }
    Ok(previous)
}

fn open_named(path: &Path, protection: &FileKek, kek_id: &str) -> Result<FileWrapper, FileError> {
    let wrapper = FileWrapper::open(path, protection)?;
    if wrapper.kek_id == kek_id {
        return Ok(wrapper);
    }
    Err(FileError::Misnamed {
        path: path.to_owned(),
        found: wrapper.kek_id,
    })
}

fn previous_path(path: &Path, kek_id: &str) -> PathBuf {
    path.with_file_name(format!("{}{kek_id}", previous_prefix(path)))
}

fn previous_prefix(path: &Path) -> String {
    format!("{}.previous-", name(path))
}

fn beside(path: &Path, before: &str, after: &str) -> PathBuf {
    path.with_file_name(format!("{before}{}{after}", name(path)))
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
