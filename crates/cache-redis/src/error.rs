//! From the client's errors to the port's.

use redis::{ErrorKind, RedisError};
use vutf_kernel::{Fault, PortError};

/// Why there is no answer, when the client itself raised no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("the URL is not one of Redis (redis://… or rediss://…)")]
    Url,
    #[error("no answer within the time limit")]
    TimedOut,
    #[error("the last attempt to connect failed a moment ago")]
    JustFailed,
    #[error("the connecting task ended early")]
    Interrupted,
}

/// A failure on the way to an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

impl Failure {
    /// A cache that answers with a refusal (loading, out of memory, read-only, no permission) is as good as one that does
    /// not answer; only an answer of a shape that we cannot read is a defect.
    pub(crate) fn into_port(self, op: &'static str) -> PortError {
        let fault = match &self {
            Self::Redis(error) if error.kind() == ErrorKind::UnexpectedReturnType => Fault::Other,
            Self::Redis(_) | Self::NoAnswer(_) => Fault::Unreachable,
        };
        PortError::new(op, fault, self)
    }

    /// Whether the connection may be out of step and must not be used again.
    pub(crate) fn spoils_connection(&self) -> bool {
        match self {
            Self::Redis(error) => {
                error.is_io_error()
                    || error.is_timeout()
                    || error.is_connection_dropped()
                    || error.is_unrecoverable_error()
                    || matches!(error.kind(), ErrorKind::AuthenticationFailed)
                    // After a failover the old primary refuses writes: resolve the name afresh.
                    || matches!(error.code(), Some("READONLY" | "MASTERDOWN" | "LOADING" | "NOAUTH"))
            }
            Self::NoAnswer(_) => true,
        }
    }
}
