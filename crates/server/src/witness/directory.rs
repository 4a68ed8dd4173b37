//! Where a witness keeps everything.
//!
//! ```text
//! witness.key               its secret key, mode 0600
//! lock                      held while a process works
//! logs/<hash>               the last checkpoint of a log that was cosigned, as a signed note
//! evidence/<hash>/<…>.json  checkpoints that were refused because they do not continue it
//! ```
//!
//! `<hash>` is SHA-256 of the log's origin in hexadecimal, as in the URLs of the protocol.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use vutf_audit::tlog::{
    Cosigner, KeyName, VerifierKey,
    witness::{Cosigned, MAX_REQUEST},
};
use vutf_kernel::{Entropy, Secret};

use super::FileWitness;
use crate::service::{create_private, sync_directory_of};

/// Why a directory of a witness cannot be used: one line, with the way to mend it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    /// The system refuses.
    #[error("{}: {problem}", path.display())]
    Io { path: PathBuf, problem: io::Error },
    /// Somebody else may read the key.
    #[error("{} can be read by others (mode {mode:04o}): run chmod 600, and consider the key as known", path.display())]
    Open { path: PathBuf, mode: u32 },
    /// What stands there is no key.
    #[error("{} holds no key of a witness: restore it from its backup; no new key was made", path.display())]
    Key { path: PathBuf },
    /// There is none, though something was cosigned.
    #[error("{} is gone, but the witness has cosigned: restore it, or begin as another witness in a new directory", path.display())]
    KeyLost { path: PathBuf },
    /// A witness keeps its name.
    #[error("the witness in {} is {found}: give --name {found}, or another directory", path.display())]
    Name { path: PathBuf, found: KeyName },
    /// Another process works there.
    #[error("another process is the witness in {}", path.display())]
    Busy { path: PathBuf },
    /// A checkpoint that this witness has not cosigned stands where it keeps those that it has.
    #[error("{} is not what this witness wrote: it does not cosign this log until the file is restored", path.display())]
    Foreign { path: PathBuf },
}

/// The directory of a witness.
#[derive(Clone, Debug)]
pub(crate) struct WitnessDirectory(PathBuf);

/// What is known of one log.
pub(crate) struct Known {
    /// What was cosigned last.
    pub(crate) last: Result<Cosigned, DirectoryError>,
    /// Pairs of checkpoints that prove a fork, and such that may have other reasons.
    pub(crate) evidence: (usize, usize),
}

impl WitnessDirectory {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The key; `None` when there is none and never was.
    pub(crate) fn key(&self) -> Result<Option<Cosigner>, DirectoryError> {
        let path = self.key_file();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let cosigned = self.logs()?;
                return if cosigned.is_empty() {
                    Ok(None)
                } else {
                    Err(DirectoryError::KeyLost { path })
                };
            }
            Err(problem) => return Err(DirectoryError::Io { path, problem }),
        };
        let metadata = file.metadata().map_err(failed(&path))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(DirectoryError::Open { path, mode });
        }
        let text = Secret::new(bounded(file).map_err(failed(&path))?);
        let key = Cosigner::parse(text.expose().trim_end());
        key.map(Some).map_err(|_| DirectoryError::Key { path })
    }

    /// Makes the key unless there is one; whether it was made. A key that is there has to have this name.
    pub(crate) fn init(
        &self,
        name: &KeyName,
        entropy: &mut dyn Entropy,
    ) -> Result<(Cosigner, bool), DirectoryError> {
        self.prepare()?;
        let path = self.key_file();
        let mut made = false;
        if self.key()?.is_none() {
            let seed = Secret::new(entropy.bytes::<32>());
            let key = Cosigner::from_seed(name.clone(), &seed)
                .map_err(|_| DirectoryError::Key { path: path.clone() })?;
            let line = Secret::new(format!("{}\n", key.skey().expose()));
            made = create_private(&path, line.expose()).map_err(failed(&path))?;
        }
        let key = self.key()?.ok_or(DirectoryError::Key { path })?;
        if key.key().name() == name {
            Ok((key, made))
        } else {
            let found = key.key().name().clone();
            Err(DirectoryError::Name {
                path: self.0.clone(),
                found,
            })
        }
    }

    /// Takes the directory for this process.
    pub(crate) fn open(&self, key: VerifierKey) -> Result<FileWitness, DirectoryError> {
        self.prepare()?;
        let path = self.0.join("lock");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&path).map_err(failed(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(FileWitness::new(self.clone(), key, lock)),
            Err(TryLockError::WouldBlock) => Err(DirectoryError::Busy { path: self.0.clone() }),
            Err(TryLockError::Error(problem)) => Err(DirectoryError::Io { path, problem }),
        }
    }

    /// What was cosigned of each log, by the file's name; reads while the witness works.
    pub(crate) fn known(&self, key: &VerifierKey) -> Result<Vec<(String, Known)>, DirectoryError> {
        let mut known = Vec::new();
        for name in self.logs()? {
            let path = self.0.join("logs").join(&name);
            let last = match read_cosigned(&path, key) {
                Ok(Some(last)) if origin_hash(&last.checkpoint().origin) == name => Ok(last),
                Ok(_) => Err(DirectoryError::Foreign { path }),
                Err(error) => Err(error),
            };
            let evidence = self.evidence(&name)?;
            known.push((name, Known { last, evidence }));
        }
        Ok(known)
    }

    pub(super) fn log_file(&self, origin: &KeyName) -> PathBuf {
        self.0.join("logs").join(origin_hash(origin))
    }

    pub(super) fn evidence_of(&self, origin: &KeyName) -> PathBuf {
        self.0.join("evidence").join(origin_hash(origin))
    }

    fn key_file(&self) -> PathBuf {
        self.0.join("witness.key")
    }

    fn prepare(&self) -> Result<(), DirectoryError> {
        for path in [self.0.join("logs"), self.0.join("evidence")] {
            let mut builder = fs::DirBuilder::new();
            builder
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(failed(&path))?;
            // A file that is on the disk is lost all the same when the way to it is not.
            sync_directory_of(&path).map_err(failed(&path))?;
        }
        sync_directory_of(&self.0).map_err(failed(&self.0))
    }

    fn logs(&self) -> Result<Vec<String>, DirectoryError> {
        let mut names = names_in(&self.0.join("logs"))?;
        names.retain(|name| is_origin_hash(name));
        Ok(names)
    }

    fn evidence(&self, name: &str) -> Result<(usize, usize), DirectoryError> {
        let names = names_in(&self.0.join("evidence").join(name))?;
        let of = |kind: &str| {
            names
                .iter()
                .filter(|name| name.starts_with(kind) && name.ends_with(".json"))
                .count()
        };
        Ok((of(FORK), of(DOUBT)))
    }
}

/// What files with evidence are called after.
pub(super) const FORK: &str = "fork-";
pub(super) const DOUBT: &str = "doubt-";

/// A cosigned checkpoint; `None` without a file.
pub(super) fn read_cosigned(path: &Path, key: &VerifierKey) -> Result<Option<Cosigned>, DirectoryError> {
    let text = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.and_then(bounded),
    };
    let foreign = || DirectoryError::Foreign {
        path: path.to_owned(),
    };
    match text {
        Ok(text) => Cosigned::read(&text, key).map(Some).map_err(|_| foreign()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(foreign()),
        Err(problem) => Err(failed(path)(problem)),
    }
}

/// SHA-256 of the origin, in hexadecimal.
pub(super) fn origin_hash(origin: &KeyName) -> String {
    hex::encode(Sha256::digest(origin.as_str()))
}

pub(super) fn is_origin_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn names_in(path: &Path) -> Result<Vec<String>, DirectoryError> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed(path))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(failed(path))?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> DirectoryError + use<> {
    let path = path.to_owned();
    move |problem| DirectoryError::Io {
        path: path.clone(),
        problem,
    }
}

/// Nothing that is written here is longer.
fn bounded(file: File) -> io::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(2 * MAX_REQUEST).unwrap_or(u64::MAX);
    file.take(limit).read_to_string(&mut text)?;
    Ok(text)
}
