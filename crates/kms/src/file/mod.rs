//! A key-encryption key in a file.

mod disk;
mod error;
mod format;
mod protection;

use std::{fmt, path::Path};

use async_trait::async_trait;
use vutf_crypto_keys::{KeyWrapper, WrappingKey};
use vutf_kernel::{Entropy, OsEntropy, PortError, Secret};
use zeroize::Zeroizing;

pub use error::FileError;
pub use protection::FileKek;

use format::Document;

/// The provider. Opening a file that is sealed under a passphrase takes 64 MiB and about a tenth of a second of one core: not
/// on an async worker.
pub struct FileWrapper {
    kek_id: String,
    technology: &'static str,
    key: WrappingKey,
}

impl FileWrapper {
    /// Opens the file, or makes it if there is none. Of several processes that do so at once, one makes it.
    pub fn open_or_create(
        path: &Path,
        protection: &FileKek,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, FileError> {
        match Self::open(path, protection) {
            Err(FileError::Missing { .. }) => {}
            answer => return answer,
        }
        match Self::create_new(path, protection, entropy) {
            Err(FileError::Exists { .. }) => Self::open(path, protection),
            answer => answer,
        }
    }

    /// Opens the file, which must be protected as configured.
    pub fn open(path: &Path, protection: &FileKek) -> Result<Self, FileError> {
        let document = Document::parse(path, &disk::read(path)?)?;
        let key = protection.open(path, &document)?;
        document.verify(path, &key)?;
        Self::build(document.kek_id, "file", key)
    }

    /// Makes a file with a new random key; [`FileError::Exists`] when there is one.
    pub fn create_new(
        path: &Path,
        protection: &FileKek,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, FileError> {
        let kek_id = uuid::Builder::from_random_bytes(entropy.bytes())
            .into_uuid()
            .to_string();
        let key = Secret::new(entropy.bytes());
        let text = encode(&kek_id, &key, protection, entropy)?;
        disk::create(path, &text, entropy)?;
        Self::build(kek_id, "file", key)
    }

    /// Replaces the file by one with the same key under another protection; nothing that is encrypted changes.
    pub fn reseal(
        path: &Path,
        current: &FileKek,
        next: &FileKek,
        entropy: &mut dyn Entropy,
    ) -> Result<(), FileError> {
        let document = Document::parse(path, &disk::read(path)?)?;
        let key = current.open(path, &document)?;
        document.verify(path, &key)?;
        let text = encode(&document.kek_id, &key, next, entropy)?;
        disk::replace(path, &text, entropy)
    }

    /// Without a file: the key comes from the configuration. `kek_id` is stored with every key it wraps; it is 1 to 64 of
    /// `[A-Za-z0-9._-]`, and must change when the key does.
    pub fn from_key(kek_id: &str, key: Secret<[u8; 32]>) -> Result<Self, FileError> {
        if !format::is_kek_id(kek_id) {
            return Err(FileError::KekId {
                text: kek_id.to_owned(),
            });
        }
        Self::build(kek_id.to_owned(), "configuration", key)
    }

    fn build(kek_id: String, technology: &'static str, key: Secret<[u8; 32]>) -> Result<Self, FileError> {
        let key = WrappingKey::new(&kek_id, key)?;
        Ok(Self {
            kek_id,
            technology,
            key,
        })
    }
}

impl fmt::Debug for FileWrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileWrapper({}, redacted)", self.kek_id)
    }
}

#[async_trait]
impl KeyWrapper for FileWrapper {
    fn kek_id(&self) -> &str {
        &self.kek_id
    }

    async fn wrap(&self, key: &Secret<[u8; 32]>, context: &[u8]) -> Result<Vec<u8>, PortError> {
        // A provider brings its own randomness, as a hardware module does.
        self.key
            .wrap(key, context, &mut OsEntropy)
            .map_err(|error| error.into_port("kek.wrap"))
    }

    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Secret<[u8; 32]>, PortError> {
        self.key
            .unwrap(wrapped, context)
            .map_err(|error| error.into_port("kek.unwrap"))
    }

    async fn ping(&self) -> Result<(), PortError> {
        Ok(())
    }

    fn technology(&self) -> &'static str {
        self.technology
    }
}

fn encode(
    kek_id: &str,
    key: &Secret<[u8; 32]>,
    protection: &FileKek,
    entropy: &mut dyn Entropy,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let described = protection.describe(entropy)?;
    let header = format::header(kek_id, &described);
    let body = protection.seal(&described, key, &header, entropy)?;
    format::encode(kek_id, &described, &body, key)
}
