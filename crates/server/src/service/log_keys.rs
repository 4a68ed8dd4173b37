//! The name of the log, and the keys that vouch for it.

use std::{fs, path::PathBuf, sync::Arc};

use vutf_app::{KeyringCheckpointSigner, default_origin};
use vutf_audit::{
    CheckpointSigner as _,
    tlog::{KeyName, VerifierKey},
};

use super::{Service, StartError};

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
        .and_then(|keys| write(service, &keys).map_err(|error| error.to_string()));
    if let Err(error) = noted {
        tracing::warn!(
            error,
            file = FILE,
            "the public keys of the audit log cannot be noted"
        );
    }
}

fn write(service: &Service, keys: &[VerifierKey]) -> std::io::Result<()> {
    let path = path(&service.config.data_dir);
    let before = fs::read_to_string(&path).unwrap_or_default();
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
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    fs::write(&draft, text)?;
    fs::rename(draft, path)
}

/// The keys that were noted in a data directory.
///
/// # Errors
/// The file cannot be read, or a line is no key.
pub(crate) fn noted(data_dir: &std::path::Path) -> Result<Vec<VerifierKey>, String> {
    let path = path(data_dir);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| format!("{} cannot be read: {error}", path.display()))?,
    };
    let keys = text.lines().filter(|line| !line.trim().is_empty());
    keys.map(|line| VerifierKey::parse(line.trim()).map_err(|error| format!("{}: {error}", path.display())))
        .collect()
}

fn path(data_dir: &std::path::Path) -> PathBuf {
    data_dir.join(FILE)
}
