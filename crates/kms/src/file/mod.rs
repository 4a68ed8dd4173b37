//! A key-encryption key in a file.
//!
//! A key has one suite for life, and its id says which: see [`suite_of`]. So rows, shares and the file itself say it, and
//! everything that binds the id binds the suite.

mod ceremony;
mod disk;
mod error;
mod format;
mod protection;
mod rotation;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use vutf_crypto_keys::{KeyWrapper, Suite, WrappingKey};
use vutf_kernel::{Entropy, OsEntropy, PortError, Secret};
use zeroize::Zeroizing;

pub use error::FileError;
pub use protection::FileKek;
pub use rotation::{FileKeks, Rotated};

use format::Document;

/// The provider. Opening a file that is sealed under a passphrase takes 64 MiB and about a tenth of a second of one core: not
/// on an async worker.
pub struct FileWrapper {
    kek_id: String,
    technology: &'static str,
    key: WrappingKey,
    /// Where the key was read; `None` when it came from the configuration.
    file: Option<PathBuf>,
}

impl FileWrapper {
    /// Opens the file, or makes it with a key of `suite` if there is none. Of several processes that do so at once, one makes
    /// it. A key that is there keeps its own suite.
    pub fn open_or_create(
        path: &Path,
        protection: &FileKek,
        suite: Suite,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, FileError> {
        match Self::open(path, protection) {
            Err(FileError::Missing { .. }) => {}
            answer => return answer,
        }
        match Self::create_new(path, protection, suite, entropy) {
            Err(FileError::Exists { .. }) => Self::open(path, protection),
            answer => answer,
        }
    }

    /// Opens the file, which must be protected as configured.
    pub fn open(path: &Path, protection: &FileKek) -> Result<Self, FileError> {
        let (kek_id, key) = open_key(path, protection)?;
        Self::build(kek_id, Some(path), key)
    }

    /// Makes a file with a new random key of `suite`; [`FileError::Exists`] when there is one.
    pub fn create_new(
        path: &Path,
        protection: &FileKek,
        suite: Suite,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, FileError> {
        let (kek_id, key) = new_key(suite, entropy);
        let text = encode(&kek_id, &key, protection, entropy)?;
        disk::create(path, &text, entropy)?;
        Self::build(kek_id, Some(path), key)
    }

    /// Replaces the file by one with the same key under another protection; nothing that is encrypted changes.
    pub fn reseal(
        path: &Path,
        current: &FileKek,
        next: &FileKek,
        entropy: &mut dyn Entropy,
    ) -> Result<(), FileError> {
        let (kek_id, key) = open_key(path, current)?;
        let text = encode(&kek_id, &key, next, entropy)?;
        disk::replace(path, &text, entropy)
    }

    /// Without a file: the key comes from the configuration. `kek_id` is stored with every key it wraps; it is 1 to 64 of
    /// `[A-Za-z0-9._-]`, says the suite as [`suite_of`] reads it, and must change when the key does.
    pub fn from_key(kek_id: &str, key: Secret<[u8; 32]>) -> Result<Self, FileError> {
        if !format::is_kek_id(kek_id) {
            return Err(FileError::KekId {
                text: kek_id.to_owned(),
            });
        }
        Self::build(kek_id.to_owned(), None, key)
    }

    fn build(kek_id: String, file: Option<&Path>, key: Secret<[u8; 32]>) -> Result<Self, FileError> {
        let key = WrappingKey::of_suite(suite_of(&kek_id), &kek_id, key)?;
        Ok(Self {
            kek_id,
            technology: file.map_or("configuration", |_| "file"),
            key,
            file: file.map(Path::to_owned),
        })
    }

    /// The suite that it wraps in.
    pub const fn suite(&self) -> Suite {
        self.key.suite()
    }

    /// Refuses when the file is gone or holds another key by now: what a process that was not restarted after a rotation
    /// went on to wrap would be lost with the previous key.
    fn still_in_file(&self, op: &'static str) -> Result<(), PortError> {
        let Some(path) = &self.file else {
            return Ok(());
        };
        let found = Document::parse(
            path,
            &disk::read(path).map_err(|error| PortError::other(op, error))?,
        )
        .map_err(|error| PortError::other(op, error))?;
        if found.kek_id == self.kek_id {
            return Ok(());
        }
        let error = FileError::Exchanged {
            path: path.clone(),
            expected: self.kek_id.clone(),
            found: found.kek_id,
        };
        Err(PortError::other(op, error))
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
        self.still_in_file("kek.wrap")?;
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
        self.still_in_file("kek.ping")
    }

    fn technology(&self) -> &'static str {
        self.technology
    }
}

/// The id and the key in the file, verified.
fn open_key(path: &Path, protection: &FileKek) -> Result<(String, Secret<[u8; 32]>), FileError> {
    let document = Document::parse(path, &disk::read(path)?)?;
    let key = protection.open(path, &document)?;
    document.verify(path, &key)?;
    Ok((document.kek_id, key))
}

/// What the ids of named keys of XAES-256-GCM end in.
const OF_XAES: &str = ".xaes-256-gcm";

/// The suite of the key `kek_id`: XAES-256-GCM if the id is a UUID of version 8 (RFC 9562, section 5.8) or ends in
/// `.xaes-256-gcm`, else XChaCha20-Poly1305.
pub fn suite_of(kek_id: &str) -> Suite {
    let custom = uuid::Uuid::parse_str(kek_id).is_ok_and(|id| id.get_version_num() == 8);
    if custom || kek_id.ends_with(OF_XAES) {
        Suite::Xaes256Gcm
    } else {
        Suite::XChaCha20Poly1305
    }
}

/// `name` as the id of a key of `suite`.
pub fn named(name: &str, suite: Suite) -> String {
    match suite {
        Suite::XChaCha20Poly1305 => name.to_owned(),
        Suite::Xaes256Gcm => format!("{name}{OF_XAES}"),
    }
}

fn new_key(suite: Suite, entropy: &mut dyn Entropy) -> (String, Secret<[u8; 32]>) {
    let builder = match suite {
        Suite::XChaCha20Poly1305 => uuid::Builder::from_random_bytes(entropy.bytes()),
        Suite::Xaes256Gcm => uuid::Builder::from_custom_bytes(entropy.bytes()),
    };
    let kek_id = builder.into_uuid();
    (kek_id.to_string(), Secret::new(entropy.bytes()))
}

fn encode(
    kek_id: &str,
    key: &Secret<[u8; 32]>,
    protection: &FileKek,
    entropy: &mut dyn Entropy,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let described = protection.describe(entropy)?;
    let header = format::header(kek_id, &described);
    let body = protection.seal(suite_of(kek_id), &described, key, &header, entropy)?;
    format::encode(kek_id, &described, &body, key)
}
