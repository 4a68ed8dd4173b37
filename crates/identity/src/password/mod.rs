//! Passwords: hashing behind a port, because it must leave the async workers and be bounded.

pub mod argon2;
pub mod blocklist;
pub mod breach;
pub mod calibrate;
pub(crate) mod due;
pub mod foreign;
pub mod history;
pub mod legacy;
pub mod policy;
pub mod strength;

use std::time::Duration;

use async_trait::async_trait;
use vutf_kernel::{Class, PortError, Secret};

pub use self::{
    argon2::{Argon2Params, Argon2Scheme, ParamsError},
    blocklist::{Blocklist, BlocklistError},
    breach::{BreachRanges, RangePrefix},
    foreign::{HashFormatError, ImportedHash},
    history::PastPassword,
    legacy::{LegacyPolicy, LegacyPolicyError},
    policy::{Length, PasswordContext, PasswordError, PasswordPolicy},
    strength::{Assess, Strength},
};

/// Why no hash can be computed now.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// All permits are taken and the queue is full: try again later.
    #[error("too many sign-ins at once")]
    Busy,
    /// A defect, or a stored hash that cannot be read.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl HashError {
    /// Which status it becomes.
    pub fn class(&self) -> Class {
        match self {
            Self::Busy => Class::Unavailable,
            Self::Port(error) => error.class(),
        }
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Port(error) => crate::refusal::port_code(error),
        }
    }
    /// How long a caller should wait.
    pub fn retry_after(&self) -> Duration {
        RETRY_AFTER
    }
}

/// How long a caller should wait when the hashing queue is full: about the time in which it empties.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What checking a password found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verification {
    /// It is the right one.
    pub matches: bool,
    /// It was hashed with other parameters than today's: hash it again.
    pub outdated: bool,
}

/// Admission to the bounded pool of hashing work. Ask for it before anything is counted against the caller.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Waits for a permit in a bounded queue.
    async fn permit(&self) -> Result<Box<dyn HashPermit>, HashError>;
}

/// The right to hash, while it lives.
#[async_trait]
pub trait HashPermit: Send + Sync {
    /// A PHC string with a fresh salt of 16 bytes.
    async fn hash(&self, password: &Secret<String>, salt: [u8; 16]) -> Result<Secret<String>, HashError>;
    /// Checks `password` against `phc`. `None` stands for an account that does not exist: the same work is done and nothing matches.
    async fn verify(
        &self,
        password: &Secret<String>,
        phc: Option<&Secret<String>>,
    ) -> Result<Verification, HashError>;
    /// How strong a password would be under `policy`.
    async fn measure(&self, policy: &PasswordPolicy, asked: Assess) -> Result<Strength, HashError>;
}
