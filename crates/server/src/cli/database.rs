//! The database as the commands reach it.

use std::{path::PathBuf, sync::Arc};

use vutf_crypto_keys::Keyring;
use vutf_kernel::Ambient;
use vutf_store_seaorm::SeaStore;

use super::failure::Failure;
use crate::{
    config::Config,
    service::{self, Schema, StartError},
};

/// A store without keys.
pub(super) async fn connect(config: &Config) -> Result<SeaStore, StartError> {
    service::connect(config, Arc::new(Keyring::new()), Ambient::system()).await
}

/// A store without keys, on a database that is there and up to date.
pub(super) async fn ready(config: &Config) -> Result<SeaStore, Failure> {
    must_exist(config)?;
    let store = connect(config).await?;
    service::bring_schema(&store, Schema::Require).await?;
    Ok(store)
}

/// To connect would create an SQLite file that is not there: no command but `migrate up` and `serve` may.
pub(super) fn must_exist(config: &Config) -> Result<(), Failure> {
    match sqlite_file(config.database_url().expose()) {
        Some(file) if !file.exists() => Err(Failure::Failed(format!(
            "there is no database at {}; run `violentutf-api migrate up`, or set VUTF__DATA_DIR or VUTF__DATABASE__URL to \
             where it is",
            file.display()
        ))),
        _ => Ok(()),
    }
}

/// The file that an SQLite URL names.
pub(super) fn sqlite_file(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let in_memory = path.is_empty() || path == ":memory:" || query.contains("mode=memory");
    (!in_memory).then(|| PathBuf::from(path))
}
