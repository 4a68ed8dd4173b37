//! The one retry policy for transactions and connections.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// How often a transaction that lost a race is run, the first time included.
const TRANSACTION_ATTEMPTS: u32 = 5;

/// How long to wait after `attempt` (from 1) of a transaction; `None` when it was the last one.
pub(crate) fn after_transaction(attempt: u32) -> Option<Duration> {
    let retries = TRANSACTION_ATTEMPTS as usize - 1;
    let mut waits = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(5))
        .with_max_delay(Duration::from_millis(200))
        .with_max_times(retries)
        .with_jitter()
        .build();
    waits.nth(attempt.saturating_sub(1) as usize)
}

/// Waits between attempts to connect, until `deadline` is used up.
pub(crate) fn connecting(deadline: Duration) -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(3))
        .with_total_delay(Some(deadline))
        .without_max_times()
        .with_jitter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_run_five_times_at_most() {
        assert!((1..=4).all(|attempt| after_transaction(attempt).is_some()));
        assert!(after_transaction(5).is_none());
    }
}
