//! How a provider on the network is called.

use std::{future::Future, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use tokio::time::timeout;

/// Tries after the first.
const RETRIES: usize = 2;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Calls, and calls again with growing, jittered pauses while the failure is `transient`, for at most `limit` in all; `late`
/// is the answer when that is over.
pub(crate) async fn patiently<T, E, Call, Answer>(
    limit: Duration,
    late: E,
    transient: impl FnMut(&E) -> bool,
    call: Call,
) -> Result<T, E>
where
    Call: FnMut() -> Answer,
    Answer: Future<Output = Result<T, E>>,
{
    let pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_max_times(RETRIES)
        .with_jitter();
    timeout(limit, call.retry(pauses).when(transient))
        .await
        .unwrap_or(Err(late))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn only_what_may_pass_is_tried_again() {
        let limit = Duration::from_mins(1);
        for (failure, tries) in [("passing", 1 + RETRIES), ("lasting", 1)] {
            let asked = Cell::new(0);
            let call = || {
                asked.set(asked.get() + 1);
                std::future::ready(Err::<(), _>(failure))
            };
            let answer = patiently(limit, "late", |error| *error == "passing", call).await;
            assert_eq!((answer, asked.get()), (Err(failure), tries));
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let call = || std::future::pending::<Result<(), _>>();
        let answer = patiently(Duration::from_millis(1), "late", |_| true, call).await;
        assert_eq!(answer, Err("late"));
    }
}
