//! How patient the adapter is.

use std::time::Duration;

use vutf_kernel::BreakerOptions;

/// What a start does when Redis does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Retries until the deadline, and fails after it.
    Require {
        /// From the first attempt to the last.
        deadline: Duration,
    },
    /// Goes on at once; operations fail until Redis answers.
    Degraded,
}

/// How patient the adapter is.
#[derive(Clone, Copy, Debug)]
pub struct RedisOptions {
    /// Upper bound of one operation, waiting for a connection included.
    pub timeout: Duration,
    /// Upper bound of making a connection, TLS included. It goes on when the operation that asked for it has given up.
    pub connect_timeout: Duration,
    /// What a start does when Redis does not answer.
    pub start: Start,
    /// When the circuit breaker opens, and for how long.
    pub breaker: BreakerOptions,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(250),
            connect_timeout: Duration::from_secs(2),
            start: Start::Require {
                deadline: Duration::from_secs(10),
            },
            breaker: BreakerOptions::default(),
        }
    }
}
