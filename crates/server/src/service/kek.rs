//! The key-encryption key, from what the configuration names.

use std::sync::Arc;

use vutf_crypto_keys::{KekSet, KeyWrapper};
use vutf_kernel::Ambient;
use vutf_kms::{Breaking, FileError, FileKek, FileKeks, FileWrapper};

use super::StartError;
use crate::config::{Config, KeyProvider};

/// The id under which rows name a key that was given by configuration instead of by file.
pub(crate) const CONFIGURED: &str = "configured";

pub(crate) fn open(config: &Config, ambient: &Ambient) -> Result<Arc<dyn KeyWrapper>, StartError> {
    let breaker = config.breaker_options();
    match config.keys.provider {
        KeyProvider::File => {
            let failed = |error: &dyn std::error::Error| StartError::Kek(error.to_string());
            let FileKeks { current, previous } = file(config, ambient).map_err(|error| failed(&error))?;
            let behind = |file| Arc::new(Breaking::new(file, breaker)) as Arc<dyn KeyWrapper>;
            let previous = previous.into_iter().map(behind).collect();
            let set = KekSet::new(behind(current), Vec::new(), previous).map_err(|error| failed(&error))?;
            Ok(Arc::new(set))
        }
    }
}

/// How the key file is protected.
pub(crate) fn protection(config: &Config) -> FileKek {
    match &config.keys.kek_passphrase {
        Some(passphrase) => FileKek::Passphrase(passphrase.clone()),
        None => FileKek::Unsealed,
    }
}

fn file(config: &Config, ambient: &Ambient) -> Result<FileKeks, FileError> {
    if let Some(text) = &config.keys.kek_key {
        return Ok(FileKeks {
            current: FileWrapper::from_key(CONFIGURED, FileKek::parse_key(text)?)?,
            previous: Vec::new(),
        });
    }
    FileKeks::open_or_create(&config.kek_file(), &protection(config), &mut *ambient.entropy())
}
