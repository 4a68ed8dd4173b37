//! Why a job is not done.

use vutf_crypto_keys::{CryptoError, LoadError, Purpose, job::WrongState};
use vutf_kernel::{Class, Fault, Permission, PortError, UseCaseError};

use crate::keys::KeysError;

/// Why a job cannot be started, shown, changed or run.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// The caller lacks a permission.
    #[error("this needs the permission {}", .0.as_str())]
    Denied(Permission),
    /// The organization has no such job.
    #[error("there is no such job")]
    NotFound,
    /// The organization has a job that does the same and is not over.
    #[error("a job that does the same is under way: resume or cancel it first")]
    UnderWay,
    /// No column is protected by such a key.
    #[error("nothing that can be written anew is protected by a key for {0}")]
    NothingSealed(Purpose),
    /// Rows of the table are never changed.
    #[error(
        "what {0} protects is append-only and stays under the key that it was made with: keep the key, deactivated, for \
         reading; if it is compromised, re-encryption cannot mend that"
    )]
    AppendOnly(Purpose),
    /// The job's state does not allow it.
    #[error(transparent)]
    State(#[from] WrongState),
    /// The job is no longer in the version that the caller read.
    #[error("the job was changed since it was read")]
    Stale,
    /// No key can protect, or one is not loaded.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// A row of the registry was refused.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Keys could not be loaded, or not changed.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The store failed.
    #[error("{}", .0.chain())]
    Port(#[from] PortError),
}

impl JobsError {
    /// How a caller should see it.
    pub fn class(&self) -> Class {
        match self {
            Self::Denied(_) => Class::Forbidden,
            Self::NotFound => Class::NotFound,
            Self::UnderWay | Self::State(_) => Class::Conflict,
            Self::NothingSealed(_) | Self::AppendOnly(_) => Class::Invalid,
            Self::Stale => Class::Stale,
            Self::Crypto(error) if error.fault() != Fault::Other => Class::Unavailable,
            Self::Crypto(_) => Class::Internal,
            Self::Load(error) => error.class(),
            Self::Keys(error) => error.class(),
            Self::Port(error) => error.class(),
        }
    }

    /// A stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "permission_denied",
            Self::NotFound => "not_found",
            Self::UnderWay => "job_under_way",
            Self::NothingSealed(_) => "nothing_sealed",
            Self::AppendOnly(_) => "append_only",
            Self::State(_) => "job_state",
            Self::Stale => "stale_version",
            Self::Keys(error) => error.code(),
            Self::Crypto(_) | Self::Load(_) | Self::Port(_) if self.class() == Class::Unavailable => {
                "unavailable"
            }
            Self::Crypto(_) | Self::Load(_) | Self::Port(_) => "internal",
        }
    }
}

impl UseCaseError for JobsError {
    fn port(&self) -> Option<&PortError> {
        match self {
            Self::Port(error) => Some(error),
            Self::Keys(error) => error.port(),
            _ => None,
        }
    }
}
