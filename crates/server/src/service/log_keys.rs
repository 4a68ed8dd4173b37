//! The name of the log, and the keys that vouch for it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use vutf_app::{KeyringCheckpointSigner, default_origin};
use vutf_audit::{
    CheckpointSigner as _,
    tlog::{KeyName, VerifierKey},
};

use super::{Service, StartError, replace_private};

/// Where the public keys are noted, one a line: `audit verify` believes them, and not the database.
const FILE: &str = "audit-log.vkeys";

/// The signer of checkpoints.
pub(super) async fn signer(service: &Service) -> Result<Arc<KeyringCheckpointSigner>, StartError> {
    let named = service.config.audit.origin.as_deref().and_then(KeyName::parse);
    let origin = match named {
        Some(origin) => origin,
        None => default_origin(&service.store)
            .await
            .map_err(|error| StartError::Keys(error.into()))?,
    };
    let keyring = Arc::clone(&service.keyring);
    Ok(Arc::new(KeyringCheckpointSigner::new(keyring, origin)))
}

/// Notes the public keys in the data directory. Those that are there already stay: they signed checkpoints.
pub(super) fn note(service: &Service, signer: &KeyringCheckpointSigner) {
    let noted = signer
        .verifiers()
        .map_err(|error| error.chain())
        .and_then(|keys| {
            let path = path(&service.config.data_dir);
            write(&path, &keys).map_err(|error| error.to_string())
        });
    if let Err(error) = noted {
        tracing::warn!(
            error,
            file = FILE,
            "the public keys of the audit log cannot be noted"
        );
    }
}

/// A file that cannot be read is left alone: it holds the keys of checkpoints that were signed before.
fn write(path: &Path, keys: &[VerifierKey]) -> io::Result<()> {
    let before = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        other => other?,
    };
    let mut lines: Vec<String> = before.lines().map(str::to_owned).collect();
    for key in keys {
        let line = key.to_string();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let text = lines.join("\n") + "\n";
    if text == before {
        return Ok(());
    }
    replace_private(path, text.as_bytes())
}

/// The keys that were noted in a data directory.
///
/// # Errors
/// The file cannot be read, or a line is no key.
pub(crate) fn noted(data_dir: &Path) -> Result<Vec<VerifierKey>, String> {
    let path = path(data_dir);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| format!("{} cannot be read: {error}", path.display()))?,
    };
    let keys = text.lines().filter(|line| !line.trim().is_empty());
    keys.map(|line| VerifierKey::parse(line.trim()).map_err(|error| format!("{}: {error}", path.display())))
        .collect()
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

    fn key() -> VerifierKey {
        VerifierKey::parse(KEY).unwrap()
    }

    #[test]
    fn a_key_is_noted_once_below_those_that_are_there() {
        let home = tempfile::tempdir().unwrap();
        let path = path(home.path());
        fs::write(&path, "an older line\n").unwrap();
        for _ in 0..2 {
            write(&path, &[key()]).unwrap();
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("an older line\n{KEY}\n")
        );
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_keeps_what_it_holds() {
        let home = tempfile::tempdir().unwrap();
        let path = path(home.path());
        fs::write(&path, b"\xff no UTF-8\n").unwrap();
        assert!(write(&path, &[key()]).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"\xff no UTF-8\n");
    }
}
