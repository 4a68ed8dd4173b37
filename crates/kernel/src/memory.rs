//! In-process twin of the [`Cache`] port: the embedder's default, and the service's when no Redis is configured.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use moka::{Expiry, sync::Cache as Moka};

use crate::{Cache, Fault, PortError, RateDecision, RateLimit};

#[derive(Clone)]
struct Entry {
    value: Vec<u8>,
    ttl: Duration,
}

struct ByEntry;

impl Expiry<String, Entry> for ByEntry {
    fn expire_after_create(&self, _: &String, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }
    fn expire_after_update(
        &self,
        _: &String,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

/// Bounded and expiring. Claims and rate limits live in one process: with several replicas, configure Redis.
pub struct MemoryCache {
    entries: Moka<String, Entry>,
    claims: Mutex<HashMap<String, Instant>>,
    rates: Mutex<HashMap<String, Instant>>,
    capacity: usize,
}

impl MemoryCache {
    /// Holds at most `capacity` entries of each kind.
    pub fn new(capacity: usize) -> Self {
        let entries = Moka::builder()
            .max_capacity(capacity as u64)
            .expire_after(ByEntry)
            .build();
        Self {
            entries,
            claims: Mutex::default(),
            rates: Mutex::default(),
            capacity,
        }
    }
}

impl Default for MemoryCache {
    fn default() -> Self {
        Self::new(100_000)
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn fetch(&self, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        Ok(self.entries.get(key).map(|entry| entry.value))
    }

    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), PortError> {
        self.entries.insert(
            key.to_owned(),
            Entry {
                value: value.to_vec(),
                ttl,
            },
        );
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<(), PortError> {
        self.entries.invalidate(key);
        Ok(())
    }

    async fn claim(&self, key: &str, ttl: Duration) -> Result<bool, PortError> {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if claims.get(key).is_some_and(|until| *until > now) {
            return Ok(false);
        }
        if claims.len() >= self.capacity {
            claims.retain(|_, until| *until > now);
        }
        if claims.len() >= self.capacity {
            // Forgetting a claim would let it be made twice: refuse instead.
            return Err(PortError::new(
                "cache.claim",
                Fault::Unreachable,
                "all claim slots are in use",
            ));
        }
        claims.insert(key.to_owned(), now + ttl);
        Ok(true)
    }

    async fn spend(&self, key: &str, limit: RateLimit) -> Result<RateDecision, PortError> {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if rates.len() >= self.capacity {
            rates.retain(|_, arrival| *arrival > now);
        }
        let arrival = rates.get(key).copied().filter(|at| *at > now).unwrap_or(now);
        let (decision, next) = gcra(limit, arrival.duration_since(now));
        if let Some(ahead) = next {
            rates.insert(key.to_owned(), now + ahead);
        }
        Ok(decision)
    }

    async fn ping(&self) -> Result<(), PortError> {
        Ok(())
    }

    fn technology(&self) -> &'static str {
        "memory"
    }
}

/// Generic cell rate algorithm. `ahead` is how far the theoretical arrival time lies in the future; the second part of
/// the answer is the new distance, when the call is allowed.
fn gcra(limit: RateLimit, ahead: Duration) -> (RateDecision, Option<Duration>) {
    let burst = limit.burst.max(1);
    let interval = limit.period / burst;
    let next = ahead + interval;
    if next > limit.period {
        let decision = RateDecision {
            allowed: false,
            remaining: 0,
            retry_after: next.saturating_sub(limit.period),
            reset_after: ahead,
        };
        return (decision, None);
    }
    let free = limit.period.saturating_sub(next).as_nanos() / interval.as_nanos().max(1);
    let remaining = u32::try_from(free).unwrap_or(u32::MAX);
    (
        RateDecision {
            allowed: true,
            remaining,
            retry_after: Duration::ZERO,
            reset_after: next,
        },
        Some(next),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_full_burst_is_allowed_and_no_more(burst in 1_u32..200, period_ms in 1_000_u64..100_000) {
            let limit = RateLimit { burst, period: Duration::from_millis(period_ms) };
            let mut ahead = Duration::ZERO;
            for spent in 1..=burst {
                let (decision, next) = gcra(limit, ahead);
                prop_assert!(decision.allowed);
                prop_assert_eq!(decision.remaining, burst - spent);
                ahead = next.unwrap_or_default();
            }
            let (decision, next) = gcra(limit, ahead);
            prop_assert!(!decision.allowed && next.is_none());
            prop_assert!(decision.retry_after <= limit.period);
        }
    }
}
