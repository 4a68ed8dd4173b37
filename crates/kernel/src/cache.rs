//! The one cache port: short-lived shared state that is never the authority.

use std::time::Duration;

use async_trait::async_trait;

use crate::{BreakerState, PortError};

/// `burst` calls at once, refilled at `burst` a `period` (GCRA, ITU-T I.371).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls allowed at once and a period; at least 1.
    pub burst: u32,
    /// The period.
    pub period: Duration,
}

/// The answer to one call under a [`RateLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateDecision {
    /// Whether the call may go on.
    pub allowed: bool,
    /// Calls that could follow at once.
    pub remaining: u32,
    /// When refused: how long to wait. When allowed: zero.
    pub retry_after: Duration,
    /// Until the full burst is free again.
    pub reset_after: Duration,
}

/// Shared by all replicas when it is Redis, by all threads when it is in-process; one contract suite holds for both.
///
/// A failure is [`crate::Fault::Unreachable`]. Whether that means "go on without" or "refuse" is the caller's decision:
/// look-ups degrade to the authority, nonces ([`Cache::claim`]) fail closed.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The value under `key`, unless it has expired.
    async fn fetch(&self, key: &str) -> Result<Option<Vec<u8>>, PortError>;
    /// Stores `value` for `ttl`; replaces what was there.
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), PortError>;
    /// Forgets `key`.
    async fn remove(&self, key: &str) -> Result<(), PortError>;
    /// Claims `key` for `ttl`; `true` for exactly one caller, however many try at once.
    async fn claim(&self, key: &str, ttl: Duration) -> Result<bool, PortError>;
    /// Spends one call of `limit` under `key`, atomically.
    async fn spend(&self, key: &str, limit: RateLimit) -> Result<RateDecision, PortError>;
    /// Whether it answers.
    async fn ping(&self) -> Result<(), PortError>;
    /// The technology, for health and metrics: `memory`, `redis`.
    fn technology(&self) -> &'static str;
    /// The circuit breaker's state; `None` where there is none, because nothing can be unreachable.
    fn breaker_state(&self) -> Option<BreakerState> {
        None
    }
}
