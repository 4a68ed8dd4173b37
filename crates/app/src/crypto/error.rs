//! Why a request, or one item of it, was refused.

use vutf_crypto_keys::{CryptoError, KeyState, service::ContextError};
use vutf_kernel::{Class, Permission, PortError, UseCaseError};

use super::MAX_ITEMS;

/// Why nothing was done. What is about one item alone is an [`ItemError`].
#[derive(Debug, thiserror::Error)]
pub enum CryptoUseError {
    /// The caller lacks a permission.
    #[error("this needs the permission {}", .0.as_str())]
    Denied(Permission),
    /// No name that a key can have.
    #[error("a key's name is 1 to 63 of a-z, 0-9, `_` and `-`")]
    Name,
    /// None, or too many.
    #[error("send 1 to {MAX_ITEMS} items")]
    Items,
    /// The organization has no such key for this use.
    #[error("there is no key of that name for this use")]
    NotFound,
    /// Every version was suspended or ended.
    #[error("no version of the key is active: rotate it")]
    NoActiveKey,
    /// The newest version has protected as much as it ever may.
    #[error("the key has reached its limit of use: rotate it")]
    Exhausted,
    /// A port failed, or the key provider has been away for too long.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl CryptoUseError {
    /// How a caller should see it.
    pub fn class(&self) -> Class {
        match self {
            Self::Denied(_) => Class::Forbidden,
            Self::Name | Self::Items => Class::Invalid,
            Self::NotFound => Class::NotFound,
            Self::NoActiveKey | Self::Exhausted => Class::Conflict,
            Self::Port(error) => error.class(),
        }
    }

    /// A stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "permission_denied",
            Self::Name => "invalid_key_name",
            Self::Items => "number_of_items",
            Self::NotFound => "key_not_found",
            Self::NoActiveKey => "no_active_key",
            Self::Exhausted => "key_exhausted",
            Self::Port(_) if self.class() == Class::Unavailable => "unavailable",
            Self::Port(_) => "internal",
        }
    }
}

impl UseCaseError for CryptoUseError {
    fn port(&self) -> Option<&PortError> {
        match self {
            Self::Port(error) => Some(error),
            _ => None,
        }
    }
}

/// Why one item was refused; the others are not concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// A member of the item could not be decoded.
    #[error("`{0}` is not base64 with padding (RFC 4648, section 4)")]
    NotBase64(&'static str),
    /// No context, or one that is too long.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// Not the text of something that this service made.
    #[error("this is not a value that this service made")]
    Malformed,
    /// The key has no such version.
    #[error("the key has no such version")]
    UnknownVersion,
    /// The key's keyset admits newer versions only.
    #[error("version {version} of the key may not be used any more, the oldest that may is {minimum}")]
    BelowMinimum {
        /// The version that it names.
        version: u32,
        /// The oldest that is admitted.
        minimum: u32,
    },
    /// The state of the version that it names does not allow it.
    #[error("the version of the key that it names is {0}")]
    Refused(KeyState),
    /// It was changed, or made for another context, key or tenant.
    #[error("it was changed, or it was made for another context or under another key")]
    NotAuthentic,
    /// Its suite is not admitted here.
    #[error("its cipher suite is not admitted here")]
    NotAdmitted,
    /// Longer than a primitive allows.
    #[error("it is too long")]
    TooLong,
}

impl ItemError {
    /// A stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotBase64(_) => "invalid_base64",
            Self::Context(ContextError::Empty) => "empty_context",
            Self::Context(ContextError::TooLong) => "context_too_long",
            Self::Malformed => "malformed",
            Self::UnknownVersion => "unknown_key_version",
            Self::BelowMinimum { .. } => "key_version_below_minimum",
            Self::Refused(KeyState::Suspended) => "key_suspended",
            Self::Refused(KeyState::Compromised) => "key_compromised",
            Self::Refused(KeyState::Destroyed) => "key_destroyed",
            Self::Refused(_) => "key_state",
            Self::NotAuthentic => "not_authentic",
            Self::NotAdmitted => "suite_not_admitted",
            Self::TooLong => "too_long",
        }
    }
}

/// Whom a failure concerns.
pub(super) enum Failure {
    /// One item.
    Item(ItemError),
    /// All of them: the key, or the service.
    Whole(CryptoUseError),
}

impl From<CryptoError> for Failure {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::KeyNotLoaded { .. } => Self::Item(ItemError::UnknownVersion),
            CryptoError::Malformed | CryptoError::UnknownSuite(_) => Self::Item(ItemError::Malformed),
            CryptoError::SuiteNotAdmitted(_) => Self::Item(ItemError::NotAdmitted),
            CryptoError::BelowMinimumVersion { version, minimum } => {
                Self::Item(ItemError::BelowMinimum { version, minimum })
            }
            CryptoError::Refused(state) => Self::Item(ItemError::Refused(state)),
            // One answer for all: which of them it was helps nobody but somebody who tries.
            CryptoError::ForeignKey(_)
            | CryptoError::ForeignSuite { .. }
            | CryptoError::CommitmentMismatch
            | CryptoError::Authentication => Self::Item(ItemError::NotAuthentic),
            CryptoError::TooLong => Self::Item(ItemError::TooLong),
            CryptoError::NoActiveKey { .. } => Self::Whole(CryptoUseError::NoActiveKey),
            CryptoError::Exhausted => Self::Whole(CryptoUseError::Exhausted),
            other => Self::Whole(CryptoUseError::Port(other.into_port("crypto.use"))),
        }
    }
}

impl From<ContextError> for Failure {
    fn from(error: ContextError) -> Self {
        Self::Item(error.into())
    }
}
