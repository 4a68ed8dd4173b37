//! What can go wrong with Vault: one sentence each, with the way to mend it, and never a token.

use std::{path::PathBuf, time::Duration};

use vutf_kernel::{Fault, PortError};

/// Why Vault or OpenBao did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The options contradict themselves.
    #[error("the Vault settings cannot be used: {0}")]
    Options(&'static str),
    /// A file of the options cannot be used.
    #[error("{} cannot be used: {problem}; check path, content and permissions", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The server's certificate is not trusted.
    #[error(
        "the certificate of Vault is not trusted: {0}; name the authority that issued it as the CA file, and the host by a name in the certificate"
    )]
    Untrusted(String),
    /// Nothing is mounted there.
    #[error(
        "Vault has no transit engine mounted at {mount}; check mount and namespace, or run: vault secrets enable -path={mount} transit"
    )]
    MountMissing {
        /// The mount that was named.
        mount: String,
    },
    /// There is no such key.
    #[error(
        "Vault has no key {key} at {mount}; check the name, or run: vault write -f {mount}/keys/{key} type=aes256-gcm96"
    )]
    KeyMissing {
        /// The mount.
        mount: String,
        /// The key that was named.
        key: String,
    },
    /// The key cannot wrap as it must.
    #[error(
        "the Vault key {key} is not for this: {problem}; make one with type=aes256-gcm96 that is neither derived nor exportable"
    )]
    KeyUnfit {
        /// The key.
        key: String,
        /// Which property is wrong.
        problem: String,
    },
    /// The token is not accepted.
    #[error(
        "Vault does not accept the token: it has expired, was revoked or is wrong; issue another, or use AppRole, which signs in by itself"
    )]
    TokenRefused,
    /// AppRole is not accepted.
    #[error(
        "Vault does not accept the AppRole credentials ({0}); check role id, secret id and their uses and period"
    )]
    AppRoleRefused(String),
    /// The token may not do this.
    #[error("Vault denies {path} to this token; allow update on it in its policy")]
    Denied {
        /// What was asked for.
        path: String,
    },
    /// The server is sealed.
    #[error("Vault is sealed; unseal it")]
    Sealed,
    /// Too many calls.
    #[error(
        "Vault throttles (HTTP 429); the call can be repeated later; raise its rate limit quota if it lasts"
    )]
    Throttled,
    /// The server cannot be reached or is unwell.
    #[error("Vault cannot be reached: {0}; check address and network")]
    Away(String),
    /// No answer in time.
    #[error("Vault did not answer within {limit:?}; check address and network")]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The server opens what was wrapped in another context, or does not give back what was wrapped.
    #[error(
        "Vault does not bind a wrapped key to its context (associated_data); use Vault 1.9, OpenBao 2.0 or newer"
    )]
    NotBound,
    /// What was given does not open under this key and context.
    #[error("what was given does not open under this key and context")]
    DoesNotOpen,
    /// An answer that is not documented.
    #[error("Vault gave an unexpected answer: {0}")]
    Unexpected(String),
}

impl VaultError {
    /// Whether trying again later can help without anybody mending this service or its rights.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Sealed | Self::Throttled | Self::Away(_) | Self::TimedOut { .. }
        )
    }

    pub(super) fn into_port(self, op: &'static str) -> PortError {
        let fault = if self.is_transient() {
            Fault::Unreachable
        } else {
            Fault::Other
        };
        PortError::new(op, fault, self)
    }
}
