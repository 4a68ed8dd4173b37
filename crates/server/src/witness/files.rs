//! What a witness must not forget, in files.

use std::{
    fs::{self, File},
    os::unix::fs::DirBuilderExt as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use vutf_audit::tlog::{
    KeyName, VerifierKey,
    witness::{Contradiction, Cosigned, WitnessStore},
};
use vutf_kernel::{Fault, PortError};

use super::directory::{DOUBT, DirectoryError, FORK, WitnessDirectory, failed, names_in, read_cosigned};
use crate::service::replace_private;

/// Files with evidence of a log, of each kind.
const MOST_EVIDENCE: usize = 100;

/// The store of a witness in its directory. Clones share it; the last one gives the directory free.
#[derive(Clone)]
pub(crate) struct FileWitness(Arc<Inner>);

struct Inner {
    directory: WitnessDirectory,
    key: VerifierKey,
    /// Reading, comparing and writing is one step.
    turn: Mutex<()>,
    _lock: File,
}

impl FileWitness {
    pub(super) fn new(directory: WitnessDirectory, key: VerifierKey, lock: File) -> Self {
        Self(Arc::new(Inner {
            directory,
            key,
            turn: Mutex::default(),
            _lock: lock,
        }))
    }

    /// Files block their thread.
    async fn run<T: Send + 'static>(
        &self,
        op: &'static str,
        work: impl FnOnce(&Inner) -> Result<T, DirectoryError> + Send + 'static,
    ) -> Result<T, PortError> {
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        let done = done.map_err(|error| PortError::other(op, error))?;
        done.map_err(|error| PortError::new(op, Fault::Other, error))
    }
}

impl Inner {
    fn last(&self, origin: &KeyName) -> Result<Option<Cosigned>, DirectoryError> {
        let path = self.directory.log_file(origin);
        let last = read_cosigned(&path, &self.key)?;
        match last {
            // The file of one log in the place of another's.
            Some(last) if last.checkpoint().origin != *origin => Err(DirectoryError::Foreign { path }),
            last => Ok(last),
        }
    }

    fn replace(&self, last: Option<&Cosigned>, next: &Cosigned) -> Result<bool, DirectoryError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = &next.checkpoint().origin;
        if self.last(origin)?.as_ref() != last {
            return Ok(false);
        }
        let path = self.directory.log_file(origin);
        replace_private(&path, next.note().to_string().as_bytes()).map_err(failed(&path))?;
        Ok(true)
    }

    fn keep_evidence(&self, evidence: &Contradiction) -> Result<(), DirectoryError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = if evidence.proves_fork { FORK } else { DOUBT };
        let directory = self.directory.evidence_of(&evidence.origin);
        let mut builder = fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(failed(&directory))?;
        let of_kind = |name: &&String| name.starts_with(kind);
        let full = names_in(&directory)?.iter().filter(of_kind).count() >= MOST_EVIDENCE;
        let path = directory.join(format!("{kind}{}.json", digest(evidence)));
        if path.exists() {
            return Ok(());
        }
        if full {
            let (origin, directory) = (evidence.origin.as_str(), directory.display().to_string());
            tracing::warn!(
                origin,
                directory,
                kind,
                "there is as much evidence of this kind as is kept; more of it is dropped"
            );
            return Ok(());
        }
        write_evidence(&path, evidence)?;
        tell(&path, evidence);
        Ok(())
    }
}

fn write_evidence(path: &Path, evidence: &Contradiction) -> Result<(), DirectoryError> {
    let value = json!({
        "origin": evidence.origin.as_str(),
        "proves_fork": evidence.proves_fork,
        "cosigned": evidence.cosigned.to_string(),
        "refused": evidence.refused.to_string(),
    });
    replace_private(path, format!("{value}\n").as_bytes()).map_err(failed(path))
}

fn tell(path: &Path, evidence: &Contradiction) {
    let (origin, path) = (evidence.origin.as_str(), path.display().to_string());
    if evidence.proves_fork {
        tracing::error!(
            origin,
            path,
            "the log has signed two trees of one size: a fork, proved by its own signatures"
        );
    } else {
        tracing::warn!(
            origin,
            path,
            "a checkpoint came with a proof that does not verify; the log may be forked"
        );
    }
}

/// By what was signed: signatures of one text may differ.
fn digest(evidence: &Contradiction) -> String {
    let both = Sha256::new()
        .chain_update(evidence.cosigned.text())
        .chain_update(evidence.refused.text());
    let mut text = hex::encode(both.finalize());
    text.truncate(32);
    text
}

#[async_trait]
impl WitnessStore for FileWitness {
    async fn last(&self, origin: &KeyName) -> Result<Option<Cosigned>, PortError> {
        let origin = origin.clone();
        self.run("witness.last", move |inner| inner.last(&origin)).await
    }

    async fn replace(&self, last: Option<&Cosigned>, next: &Cosigned) -> Result<bool, PortError> {
        let (last, next) = (last.cloned(), next.clone());
        self.run("witness.replace", move |inner| {
            inner.replace(last.as_ref(), &next)
        })
        .await
    }

    async fn keep_evidence(&self, evidence: &Contradiction) -> Result<(), PortError> {
        let evidence = evidence.clone();
        self.run("witness.evidence", move |inner| inner.keep_evidence(&evidence))
            .await
    }
}

#[cfg(test)]
mod tests;
