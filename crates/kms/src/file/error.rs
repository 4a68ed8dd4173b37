//! Why a key file could not be used; each message says how to mend it.

use std::{io, path::PathBuf};

use vutf_crypto_keys::CryptoError;

/// Why a key file could not be opened or made.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file.
    #[error("{path}: there is no key file; restore it from a backup, or let a new instance make one")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// There is one already.
    #[error("{path}: there is a key file already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner can read it.
    #[error("{path}: the key file is open to others (mode {mode:04o}); run: chmod 600 {path}")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a key file, or a part of it is missing.
    #[error("{path}: not a usable key file ({reason}); restore it from a backup")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// A later version of this software made it.
    #[error(
        "{path}: key file of version {version}, this program knows version 1; use the program that made it"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The key and the rest of the file do not belong together.
    #[error("{path}: the key file was changed or damaged; restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// It holds another key than the one that was read before.
    #[error(
        "{path}: the key file holds {found} now, no longer {expected}; restart the service, or run the command again"
    )]
    Exchanged {
        /// The file.
        path: PathBuf,
        /// The key that was in it.
        expected: String,
        /// The key that is.
        found: String,
    },
    /// Another process is about to exchange it.
    #[error("{path}: another process is rotating the key file; wait until it is done")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The name of a previous key's file and its contents name different keys.
    #[error(
        "{path}: the file holds {found}, which is not the key that its name says; put the right file back"
    )]
    Misnamed {
        /// The file.
        path: PathBuf,
        /// The key that is in it.
        found: String,
    },
    /// It is protected otherwise than configured.
    #[error(
        "{path}: the key file is protected by {found}, but the configuration says {configured}; \
         configure {found}, or reseal the file"
    )]
    Protection {
        /// The file.
        path: PathBuf,
        /// How it is protected.
        found: &'static str,
        /// What is configured.
        configured: &'static str,
    },
    /// The passphrase or the key does not open it.
    #[error(
        "{path}: the configured {with} does not open the key file, or the file was changed; configure the {with} \
         that it was sealed with, or restore the file that belongs to this one"
    )]
    DoesNotOpen {
        /// The file.
        path: PathBuf,
        /// What was tried.
        with: &'static str,
    },
    /// Too short to protect a key (NIST SP 800-63B-4: 15 characters for a single factor).
    #[error("a passphrase for a key file has at least 15 characters")]
    WeakPassphrase,
    /// Not a key in text form.
    #[error(
        "a key-encryption key is 32 bytes, written as 64 hexadecimal digits or in base64; make one with: openssl rand -base64 32"
    )]
    KeyText,
    /// Not an id.
    #[error("{text:?} is not an id of a key-encryption key: 1 to 64 letters, digits, '.', '_' and '-'")]
    KekId {
        /// What was given.
        text: String,
    },
    /// The file system failed.
    #[error("{path}: the key file could not be read or written")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key could not be split or joined.
    #[error(transparent)]
    Share(#[from] crate::shamir::ShareError),
    /// A cryptographic operation failed.
    #[error("the key file could not be sealed")]
    Crypto(#[from] CryptoError),
}

impl FileError {
    pub(crate) fn io(path: &std::path::Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            _ => Self::Io { path, source },
        }
    }
}
