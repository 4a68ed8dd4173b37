//! Why the service does not start: one line each, with the way to mend it.

use std::path::{Path, PathBuf};

use vutf_app::keys::KeysError;
use vutf_crypto_keys::CryptoError;
use vutf_kernel::PortError;
use vutf_store_seaorm::{ConnectError, SchemaError};

use super::{ReplayError, kek::is_configured};

/// Why the service does not start. The cause is for the log at level `debug`; the message is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be made or written to.
    #[error("data directory {} cannot be used: {problem}; set VUTF__DATA_DIR to a directory that this user may write to", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The key-encryption key cannot be opened.
    #[error("the key-encryption key cannot be opened: {0}")]
    Kek(String),
    /// There is no key file, and the database may need the one that was there.
    #[error("{}", no_key_file(path, needed))]
    NoKeyFile {
        /// Where it should be.
        path: PathBuf,
        /// The ids of the keys in files that the database names.
        needed: Vec<String>,
    },
    /// Which key-encryption keys the database names cannot be read.
    #[error("the key registry cannot be read: {}", .0.chain())]
    Registry(PortError),
    /// The database cannot be reached.
    #[error(transparent)]
    Database(ConnectError),
    /// The schema cannot be used.
    #[error("the schema cannot be used: {0}")]
    Schema(SchemaError),
    /// Migrations are missing, and this command does not apply them.
    #[error("the schema is behind this program: run `violentutf-api migrate up`")]
    SchemaBehind,
    /// The cache's URL cannot be used.
    #[error("the cache cannot be used: {}", .0.chain())]
    Cache(PortError),
    /// The password settings are not accepted.
    #[error("identity: {0}")]
    Hashing(String),
    /// The registry cannot be loaded, which is also what a wrong key-encryption key looks like.
    #[error(
        "the key registry cannot be loaded: {0}; is this the key-encryption key that the database was made with?"
    )]
    Keys(KeysError),
    /// The registry lacks a key that was made, or holds an older row than the audit log tells of.
    #[error("{0}")]
    KeyLost(KeysError),
    /// A key that could still be used is of a suite that is not admitted.
    #[error("{0}; keys.suites = fips_transition admits both: docs/guides/run-with-approved-algorithms.md")]
    Suites(KeysError),
    /// Known answers were not reproduced.
    #[error("self-test failed: {0}; do not use this build on this machine")]
    SelfTest(CryptoError),
    /// Whoever was erased may have come back with an older database, and cannot be erased again.
    #[error("erasures: {0}")]
    Erasures(ReplayError),
    /// The bootstrap secret cannot be made.
    #[error("the bootstrap token cannot be made: {0}")]
    Bootstrap(String),
    /// An address is taken or not ours.
    #[error("cannot listen on {address}: {problem}; choose another with {setting}")]
    Listen {
        /// The address.
        address: String,
        /// The system's words.
        problem: String,
        /// The setting that names it.
        setting: &'static str,
    },
    /// A server ended by itself.
    #[error("the HTTP server ended: {0}")]
    Server(String),
}

fn no_key_file(path: &Path, needed: &[String]) -> String {
    let path = path.display();
    let lost = needed.join(", ");
    let configured = if needed.iter().any(|kek_id| is_configured(kek_id)) {
        ", set VUTF__KEYS__KEK_KEY again or run `violentutf-api keys import-kek`"
    } else {
        ""
    };
    format!(
        "there is no key file at {path}, and what is in the database opens only under the key-encryption key {lost}: restore \
         the file from its backup, or run `violentutf-api keys join-kek` with the custodians' shares{configured}; no new key \
         was made"
    )
}
