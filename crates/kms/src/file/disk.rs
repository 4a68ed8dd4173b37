//! The key file on disk: complete or absent, and nobody else's to read.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use vutf_kernel::{Entropy, Timestamp};
use zeroize::Zeroizing;

use super::{error::FileError, format::MAX_LEN};

/// The whole file; refused when it is open to others, too long or no file.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let io = |source| FileError::io(path, source);
    let malformed = |reason| FileError::Malformed {
        path: path.to_owned(),
        reason,
    };
    let file = File::open(path).map_err(io)?;
    // Of the open file, not of the path: it cannot be exchanged in between.
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(malformed("not a regular file"));
    }
    refuse_shared(path, &metadata)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LEN + 1));
    let limit = u64::try_from(MAX_LEN).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() > MAX_LEN {
        return Err(malformed("longer than 4096 bytes"));
    }
    Ok(bytes)
}

/// Makes the file; [`FileError::Exists`] when there is one. A hard link is atomic and, unlike a rename, never replaces.
pub(super) fn create(path: &Path, bytes: &[u8], entropy: &mut dyn Entropy) -> Result<(), FileError> {
    let temporary = Temporary::write(path, bytes, entropy)?;
    fs::hard_link(&temporary.path, path).map_err(|source| FileError::io(path, source))?;
    drop(temporary);
    sync_directory(path)
}

/// Replaces the file in one step.
pub(super) fn replace(path: &Path, bytes: &[u8], entropy: &mut dyn Entropy) -> Result<(), FileError> {
    let temporary = Temporary::write(path, bytes, entropy)?;
    fs::rename(&temporary.path, path).map_err(|source| FileError::io(path, source))?;
    sync_directory(path)
}

/// Gives the file a second name; `false` when the name is taken.
pub(super) fn keep_as(path: &Path, name: &Path) -> Result<bool, FileError> {
    match fs::hard_link(path, name) {
        Ok(()) => sync_directory(name).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(FileError::io(path, error)),
    }
}

/// Removes a file; one that is gone already is as good.
pub(super) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::io(path, error)),
        _ => sync_directory(path),
    }
}

/// The names in the directory of `path` that begin with `prefix`, without it; what is no text is none of ours.
pub(super) fn names_after(path: &Path, prefix: &str) -> Result<Vec<String>, FileError> {
    let failed = |source: io::Error| FileError::Io {
        path: path.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory_of(path)).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        found.extend(
            name.to_str()
                .and_then(|name| name.strip_prefix(prefix))
                .map(str::to_owned),
        );
    }
    found.sort();
    Ok(found)
}

/// Held by one process at a time, until it is dropped or the process ends.
pub(super) fn lock(path: &Path, lock: &Path) -> Result<File, FileError> {
    let failed = |source: io::Error| FileError::Io {
        path: path.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FileError::Busy {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Removes the drafts in the directory of `path` that processes left which were killed; answers how many.
///
/// One that is being written is locked, and was made less than [`ABANDONED_AFTER`] before `now`: between making a draft and
/// locking it lie microseconds. A draft is never the only copy of a key that anything was wrapped by.
pub(super) fn sweep(path: &Path, now: Timestamp) -> Result<usize, FileError> {
    let mut removed = 0;
    let names = names_after(path, DRAFT.0)?;
    for name in names.iter().filter_map(|name| name.strip_suffix(DRAFT.1)) {
        let draft = path.with_file_name(format!("{}{name}{}", DRAFT.0, DRAFT.1));
        if is_abandoned(&draft, now).unwrap_or(false) {
            remove(&draft)?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn is_abandoned(draft: &Path, now: Timestamp) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(draft)?;
    let made = metadata.modified()?.duration_since(UNIX_EPOCH);
    let made = Timestamp::from_micros(0).plus(made.unwrap_or_default());
    if !metadata.is_file() || now.since(made) < ABANDONED_AFTER {
        return Ok(false);
    }
    Ok(File::open(draft)?.try_lock().is_ok())
}

/// What the name of a draft begins and ends with.
const DRAFT: (&str, &str) = (".kek-", ".tmp");

/// Nobody takes so long to write 4096 bytes and to give them their name.
const ABANDONED_AFTER: Duration = Duration::from_mins(1);

/// A complete file beside the real one, locked as long as somebody is at work on it; removed when it goes out of scope.
struct Temporary {
    path: PathBuf,
    locked: File,
}

impl Temporary {
    fn write(path: &Path, bytes: &[u8], entropy: &mut dyn Entropy) -> Result<Self, FileError> {
        let name = format!("{}{}{}", DRAFT.0, hex::encode(entropy.bytes::<8>()), DRAFT.1);
        let temporary = path.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // Not `FileError::io`: a missing directory is no missing key file.
        let failed = |source: io::Error| FileError::Io {
            path: path.to_owned(),
            source,
        };
        let file = options.open(&temporary).map_err(failed)?;
        let mut this = Self {
            path: temporary,
            locked: file,
        };
        // A file system without locks leaves it to the age.
        let _told = this.locked.try_lock();
        this.locked
            .write_all(bytes)
            .and_then(|()| this.locked.sync_all())
            .map_err(failed)?;
        Ok(this)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename it is gone, and that is as good.
        let _gone = fs::remove_file(&self.path);
    }
}

/// Makes the new name durable, where directories can be synchronised.
fn sync_directory(path: &Path) -> Result<(), FileError> {
    match File::open(directory_of(path)) {
        Ok(directory) if cfg!(unix) => directory.sync_all().map_err(|source| FileError::io(path, source)),
        _ => Ok(()),
    }
}

fn directory_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn refuse_shared(path: &Path, metadata: &fs::Metadata) -> Result<(), FileError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
    if mode & 0o077 != 0 {
        return Err(FileError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_shared(_: &Path, _: &fs::Metadata) -> Result<(), FileError> {
    Ok(()) // access control lists are the directory's there
}
