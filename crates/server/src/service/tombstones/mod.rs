//! Tombstones outside the database: who was erased, so that a backup which is restored does not bring them back.
//!
//! Invariants:
//! - A line is written after the commit of the erasure, and is on the disk before the erasure is answered. What is lost
//!   between the two is made good from the certificates in the database, at each start and every so often.
//! - Nobody is erased because of a line that is not authentic, and none is passed over: the file is refused as a whole.
//! - Lines are added at the end. A file is made, and put under another key-encryption key, by a rename.

mod error;
mod export;
mod file;
mod start;

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Mutex;
use vutf_app::erasure::{Tombstone, Tombstones};
use vutf_audit::Anchor;
use vutf_crypto_keys::{JournalKey, JournalTag, Keks, KeyWrapper, Wraps};
use vutf_kernel::Ambient;

use self::file::{Contents, Who};
pub(super) use self::start::{prepare, spawn};
pub use self::{error::TombstoneError, start::ReplayError};
use super::data_dir::{create_private, sync_directory_of};

/// Binds the wrapped key to this kind of file.
const NAME: &str = "erasure-tombstones";
/// Another process holds the file for one write.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// The file of this process.
pub struct TombstoneFile {
    path: PathBuf,
    limit: u64,
    wrapper: Arc<dyn KeyWrapper>,
    ambient: Ambient,
    state: Mutex<Option<State>>,
    known: RwLock<HashSet<Who>>,
    failing: AtomicBool,
    expected: AtomicBool,
}

/// What the file was when this process used it last.
struct State {
    key: Arc<JournalKey>,
    wraps: Wraps,
    end: u64,
    mark: Mark,
    last: JournalTag,
}

/// By what another file, or other contents, are known. A length alone says nothing: lines are as long as one another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Mark {
    fn of(found: &fs::Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        }
    }
}

/// A file that was read to its end.
struct Whole {
    key: Arc<JournalKey>,
    wraps: Wraps,
    contents: Contents,
    mark: Mark,
}

impl TombstoneFile {
    /// The file at `path`, which is opened when it is used first.
    pub(super) fn new(path: PathBuf, limit: u64, wrapper: Arc<dyn KeyWrapper>, ambient: Ambient) -> Self {
        Self {
            path,
            limit,
            wrapper,
            ambient,
            state: Mutex::default(),
            known: RwLock::default(),
            failing: AtomicBool::default(),
            expected: AtomicBool::default(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many persons have a tombstone, as far as this process has seen.
    pub fn count(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there should be a file, because somebody may have been erased: if one is to be made, it is told.
    pub(super) fn expect(&self, expected: bool) {
        self.expected.store(expected, Ordering::Relaxed);
    }

    /// Whether the last attempt to write failed.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Everything in it, the oldest first. Makes the file if there is none.
    pub async fn read(&self) -> Result<Vec<Tombstone>, TombstoneError> {
        let mut state = self.state.lock().await;
        let _held = self.hold().await?;
        let whole = self.open().await?;
        let tombstones = whole.contents.tombstones.clone();
        self.learn(&mut state, whole);
        Ok(tombstones)
    }

    /// Everything in another file of the same installation: another replica's, or a copy.
    pub async fn read_other(&self, path: &Path) -> Result<Vec<Tombstone>, TombstoneError> {
        let whole = read_whole(path, self.limit, &*self.wrapper).await?;
        Ok(whole.contents.tombstones)
    }

    /// Whether `path` is an export of the audit log.
    pub fn is_export(path: &Path) -> Result<bool, TombstoneError> {
        export::is_export(path)
    }

    /// The erasures in an export of the audit log, as far as `anchor` proves it.
    pub async fn read_export(path: &Path, anchor: Anchor) -> Result<Vec<Tombstone>, TombstoneError> {
        let path = path.to_owned();
        let read = tokio::task::spawn_blocking(move || export::read(&path, anchor)).await;
        read.map_err(|_ended| TombstoneError::Ended)?
    }

    /// Puts the file's key under the key-encryption keys that wrap now. Whether that was to be done.
    pub async fn rewrap(&self) -> Result<bool, TombstoneError> {
        let mut state = self.state.lock().await;
        let _held = self.hold().await?;
        self.refresh(&mut state).await?;
        let keks = Keks::of(&*self.wrapper);
        if state.as_ref().is_some_and(|state| keks.is_current(&state.wraps)) {
            return Ok(false);
        }
        let mut whole = self.open().await?;
        whole.wraps = self.wrap(&whole.key).await?;
        let head = file::head(&whole.wraps).map_err(TombstoneError::io(&self.path))?;
        let (path, key) = (self.path.clone(), Arc::clone(&whole.key));
        let kept = whole.contents.tombstones.clone();
        let written = blocking(&self.path, move || replace(&path, &head, &key, &kept)).await?;
        (whole.contents.end, whole.contents.last, whole.mark) = written;
        self.learn(&mut state, whole);
        Ok(true)
    }

    /// [`Tombstones::keep`], for whoever tries again.
    async fn try_keep(&self, tombstones: &[Tombstone]) -> Result<(), TombstoneError> {
        let kept = self.add(tombstones).await;
        self.failing.store(kept.is_err(), Ordering::Relaxed);
        kept
    }

    fn knows(&self, who: Who) -> bool {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&who)
    }

    async fn add(&self, tombstones: &[Tombstone]) -> Result<(), TombstoneError> {
        let mut state = self.state.lock().await;
        let _held = self.hold().await?;
        self.refresh(&mut state).await?;
        let mut fresh: Vec<&Tombstone> = tombstones
            .iter()
            .filter(|tombstone| !self.knows(file::who(tombstone)))
            .collect();
        let mut seen = HashSet::new();
        fresh.retain(|tombstone| seen.insert(file::who(tombstone)));
        let Some(state) = state.as_mut().filter(|_| !fresh.is_empty()) else {
            return Ok(());
        };
        let failed = |problem| TombstoneError::io(&self.path)(io::Error::other(problem));
        let (text, last) = file::lines(&state.key, state.last, &fresh).map_err(failed)?;
        let (path, end) = (self.path.clone(), state.end);
        (state.end, state.mark) = blocking(&self.path, move || append(&path, end, &text)).await?;
        state.last = last;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(seen);
        Ok(())
    }

    /// Another process may have written since, or an operator have put another file there.
    async fn refresh(&self, state: &mut Option<State>) -> Result<(), TombstoneError> {
        let unchanged = match (&*state, fs::metadata(&self.path)) {
            (Some(state), Ok(found)) => found.len() == state.end && Mark::of(&found) == state.mark,
            _ => false,
        };
        if !unchanged {
            let whole = self.open().await?;
            self.learn(state, whole);
        }
        Ok(())
    }

    async fn open(&self) -> Result<Whole, TombstoneError> {
        if !self.path.exists() {
            let key = JournalKey::make(NAME, &mut *self.ambient.entropy());
            let head = file::head(&self.wrap(&key).await?).map_err(TombstoneError::io(&self.path))?;
            let text = String::from_utf8_lossy(&head).into_owned();
            let path = self.path.clone();
            let made = blocking(&self.path, move || create_private(&path, &text)).await?;
            if made && self.expected.load(Ordering::Relaxed) {
                tracing::warn!(
                    file = %self.path.display(),
                    "there was no file of tombstones beside a database that has keys, and an empty one was made: if an older \
                     database was restored, whoever was erased since is back; see docs/guides/restore-a-backup.md, Who was erased"
                );
            }
        }
        let whole = read_whole(&self.path, self.limit, &*self.wrapper).await?;
        if whole.contents.torn > 0 {
            tracing::warn!(
                file = %self.path.display(),
                bytes = whole.contents.torn,
                "the last tombstone was not finished; it is made good from its certificate"
            );
        }
        Ok(whole)
    }

    fn learn(&self, state: &mut Option<State>, whole: Whole) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = whole.contents.persons();
        self.expect(true);
        *state = Some(State {
            key: whole.key,
            wraps: whole.wraps,
            end: whole.contents.end,
            mark: whole.mark,
            last: whole.contents.last,
        });
    }

    async fn wrap(&self, key: &JournalKey) -> Result<Wraps, TombstoneError> {
        let wrapped = key.wrapped(&*self.wrapper).await;
        wrapped.map_err(|problem| TombstoneError::Key {
            path: self.path.clone(),
            problem,
        })
    }

    /// One process at a time, by a lock that ends with it.
    async fn hold(&self) -> Result<File, TombstoneError> {
        let path = self.path.with_extension("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(TombstoneError::io(&path))?;
        for _ in 0..TRIES {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(fs::TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                Err(fs::TryLockError::Error(problem)) => return Err(TombstoneError::io(&path)(problem)),
            }
        }
        Err(TombstoneError::Busy(self.path.clone()))
    }
}

#[async_trait]
impl Tombstones for TombstoneFile {
    async fn keep(&self, tombstones: &[Tombstone]) {
        if let Err(error) = self.try_keep(tombstones).await {
            tracing::error!(
                error = %error,
                "an erasure is done and certified, and its tombstone could not be kept outside the database; it is tried again"
            );
        }
    }
}

async fn read_whole(path: &Path, limit: u64, wrapper: &dyn KeyWrapper) -> Result<Whole, TombstoneError> {
    let failed = |problem| TombstoneError::io(path)(problem);
    let file = File::open(path).map_err(failed)?;
    let mark = Mark::of(&file.metadata().map_err(failed)?);
    if mark.length > limit {
        let path = path.to_owned();
        return Err(TombstoneError::TooLarge { path, limit });
    }
    let mut file = BufReader::new(file);
    let (wraps, at) = file::read_head(&mut file, path)?;
    let opened = JournalKey::open(NAME, wrapper, &wraps).await;
    let key = Arc::new(opened.map_err(|problem| TombstoneError::Key {
        path: path.to_owned(),
        problem,
    })?);
    let (reader, name) = (Arc::clone(&key), path.to_owned());
    let read = tokio::task::spawn_blocking(move || file::read_lines(&mut file, at, &reader, &name)).await;
    let contents = read.map_err(|_ended| TombstoneError::Ended)??;
    Ok(Whole {
        key,
        wraps,
        contents,
        mark,
    })
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, TombstoneError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_ended| TombstoneError::Ended)?
        .map_err(TombstoneError::io(path))
}

/// Writes `text` at `end`, over whatever was not finished there; where the file ends then, and its mark.
fn append(path: &Path, end: u64, text: &[u8]) -> io::Result<(u64, Mark)> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(text)?;
    file.sync_all()?;
    Ok((file.stream_position()?, Mark::of(&file.metadata()?)))
}

/// Puts a file with these contents in the place of the one that is there; where it ends, what the next line follows, and its
/// mark.
fn replace(
    path: &Path,
    head: &[u8],
    key: &JournalKey,
    kept: &[Tombstone],
) -> io::Result<(u64, JournalTag, Mark)> {
    let kept: Vec<&Tombstone> = kept.iter().collect();
    let (lines, last) = file::lines(key, JournalKey::START, &kept).map_err(io::Error::other)?;
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(head)?;
    file.write_all(&lines)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_directory_of(path)?;
    Ok((file.stream_position()?, last, Mark::of(&file.metadata()?)))
}

#[cfg(test)]
mod tests;
