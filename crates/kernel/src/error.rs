//! The two error types that cross rings. Everything else is an enum of the use case that raises it.

use std::error::Error as StdError;

use serde::Serialize;

/// What kind of refusal an error is. One file of the server maps it to a status; nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The request itself is wrong.
    Invalid,
    /// The caller has not proved who they are.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// There is no such thing, or the caller may not know of it.
    NotFound,
    /// It clashes with the present state.
    Conflict,
    /// The state has moved on since the caller read it.
    Stale,
    /// The caller must say which state they read.
    PreconditionRequired,
    /// Too many calls; try later.
    Throttled,
    /// A dependency is down or the service is full; try later.
    Unavailable,
    /// A defect of ours.
    Internal,
}

/// Why a port failed, as far as a retry policy must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The transaction lost a race (serialization failure, deadlock): nothing was done, running it again can help.
    Contention,
    /// The dependency cannot be reached or does not answer in time.
    Unreachable,
    /// A key that the operation needs is not loaded yet; loading it and running again can help.
    KeyNotLoaded,
    /// Something is held back for now, by a quota or because what it rests on has been out of reach for too long. Trying again
    /// at once cannot help.
    Withheld,
    /// A compare-and-set on `version` met another version.
    Stale,
    /// A unique value is taken already.
    Duplicate,
    /// Anything else: a defect, a corrupt row, a full disk.
    Other,
}

/// The one opaque error of every port. The cause is for the log; it never reaches a caller.
#[derive(Debug, thiserror::Error)]
#[error("{op} failed ({fault:?})")]
pub struct PortError {
    /// The operation, e.g. `users.insert`.
    pub op: &'static str,
    /// What a retry policy must know.
    pub fault: Fault,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl PortError {
    /// With a cause.
    pub fn new(op: &'static str, fault: Fault, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            op,
            fault,
            source: Some(source.into()),
        }
    }
    /// A defect or corrupt data.
    pub fn other(op: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(op, Fault::Other, source)
    }
    /// Running the whole transaction again can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self.fault, Fault::Contention | Fault::KeyNotLoaded)
    }
    /// How a caller should see it.
    pub fn class(&self) -> Class {
        match self.fault {
            Fault::Contention | Fault::Unreachable | Fault::KeyNotLoaded | Fault::Withheld => {
                Class::Unavailable
            }
            Fault::Stale => Class::Stale,
            Fault::Duplicate => Class::Conflict,
            Fault::Other => Class::Internal,
        }
    }
    /// The cause chain in one line, for a log.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause: Option<&dyn StdError> = self.source.as_ref().map(|s| &**s as &dyn StdError);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
