//! The key-encryption key, from what the configuration names.

use std::sync::Arc;

use vutf_crypto_keys::KeyWrapper;
use vutf_kernel::Ambient;
use vutf_kms::{Breaking, FileError, FileKek, FileWrapper};

use super::StartError;
use crate::config::{Config, KeyProvider};

/// The id under which rows name a key that was given by configuration instead of by file.
pub(crate) const CONFIGURED: &str = "configured";

pub(super) fn open(config: &Config, ambient: &Ambient) -> Result<Arc<dyn KeyWrapper>, StartError> {
    let breaker = config.breaker_options();
    match config.keys.provider {
        KeyProvider::File => {
            let file = file(config, ambient).map_err(|error| StartError::Kek(error.to_string()))?;
            Ok(Arc::new(Breaking::new(file, breaker)))
        }
    }
}

fn file(config: &Config, ambient: &Ambient) -> Result<FileWrapper, FileError> {
    if let Some(text) = &config.keys.kek_key {
        return FileWrapper::from_key(CONFIGURED, FileKek::parse_key(text)?);
    }
    let protection = match &config.keys.kek_passphrase {
        Some(passphrase) => FileKek::Passphrase(passphrase.clone()),
        None => FileKek::Unsealed,
    };
    FileWrapper::open_or_create(&config.kek_file(), &protection, &mut *ambient.entropy())
}
