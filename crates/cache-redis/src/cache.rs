//! The port's operations on Redis.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use redis::{Client, FromRedisValue, aio::MultiplexedConnection};
use vutf_kernel::{Breaker, BreakerState, Cache, PortError, RateDecision, RateLimit, Secret};

use crate::{
    RedisOptions, Start,
    error::{Failure, NoAnswer},
    line::Line,
    spend,
};

/// Redis refuses expiry times that overflow; nothing that is cached needs to live longer than this.
const LONGEST_TTL: Duration = Duration::from_hours(24 * 366);

/// A cache that all replicas share. Cheap to clone; clones share the connection and the breaker.
#[derive(Clone)]
pub struct RedisCache {
    line: Line,
    breaker: Arc<Breaker>,
    timeout: Duration,
}

impl RedisCache {
    /// Opens the cache behind `url` (`redis://…`, or `rediss://…` for TLS with the system's roots).
    ///
    /// With [`Start::Degraded`] it returns at once, and connects when the first operation asks for it.
    ///
    /// # Errors
    /// [`vutf_kernel::Fault::Other`] when `url` is not one of Redis; [`vutf_kernel::Fault::Unreachable`] when Redis did not answer before the
    /// deadline of [`Start::Require`].
    pub async fn connect(url: &Secret<String>, options: RedisOptions) -> Result<Self, PortError> {
        const OP: &str = "cache.connect";
        // The client's own error may quote the URL.
        let client = Client::open(url.expose().as_str()).map_err(|_| PortError::other(OP, NoAnswer::Url))?;
        let cache = Self {
            line: Line::new(client, options.timeout, options.connect_timeout),
            breaker: Arc::new(Breaker::new("cache", options.breaker)),
            timeout: options.timeout,
        };
        if let Start::Require { deadline } = options.start {
            cache.await_answer(deadline).await?;
        }
        Ok(cache)
    }

    /// The breaker's state, for metrics and readiness.
    pub fn breaker_state(&self) -> BreakerState {
        self.breaker.state()
    }

    async fn await_answer(&self, deadline: Duration) -> Result<(), PortError> {
        let policy = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(1))
            .with_total_delay(Some(deadline))
            .without_max_times();
        // Past the breaker: a start is patient, and its failures say nothing about the service under load.
        (|| self.attempt("cache.connect", ping))
            .retry(policy)
            .notify(|error: &PortError, pause| {
                tracing::warn!(error = %error.chain(), pause_ms = pause.as_millis(), "Redis does not answer yet");
            })
            .await
    }

    async fn run<T, F>(
        &self,
        op: &'static str,
        act: impl FnOnce(MultiplexedConnection) -> F + Send,
    ) -> Result<T, PortError>
    where
        F: Future<Output = redis::RedisResult<T>> + Send,
        T: Send,
    {
        self.breaker.call(op, self.attempt(op, act)).await
    }

    async fn attempt<T, F>(
        &self,
        op: &'static str,
        act: impl FnOnce(MultiplexedConnection) -> F + Send,
    ) -> Result<T, PortError>
    where
        F: Future<Output = redis::RedisResult<T>> + Send,
        T: Send,
    {
        let mut used = None;
        let answer = async {
            let borrowed = self.line.borrow().await?;
            used = Some(borrowed.generation());
            act(borrowed.connection).await.map_err(Failure::from)
        };
        let outcome = tokio::time::timeout(self.timeout, answer).await;
        outcome
            .unwrap_or_else(|_| Err(NoAnswer::TimedOut.into()))
            .map_err(|failure| {
                if let Some(generation) = used.filter(|_| failure.spoils_connection()) {
                    self.line.discard(generation);
                }
                failure.into_port(op)
            })
    }
}

async fn ping(mut connection: MultiplexedConnection) -> redis::RedisResult<()> {
    redis::cmd("PING").exec_async(&mut connection).await
}

async fn query<T: FromRedisValue>(
    mut connection: MultiplexedConnection,
    command: redis::Cmd,
) -> redis::RedisResult<T> {
    command.query_async(&mut connection).await
}

#[async_trait]
impl Cache for RedisCache {
    async fn fetch(&self, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        let mut command = redis::cmd("GET");
        command.arg(value_key(key));
        self.run("cache.fetch", |connection| query(connection, command))
            .await
    }

    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), PortError> {
        let Some(millis) = millis(ttl) else {
            return self.remove(key).await;
        };
        let mut command = redis::cmd("SET");
        command.arg(value_key(key)).arg(value).arg("PX").arg(millis);
        self.run("cache.put", |connection| query(connection, command))
            .await
    }

    async fn remove(&self, key: &str) -> Result<(), PortError> {
        let mut command = redis::cmd("DEL");
        command.arg(value_key(key));
        let removed = self.run::<u64, _>("cache.remove", |connection| query(connection, command));
        removed.await.map(|_| ())
    }

    async fn claim(&self, key: &str, ttl: Duration) -> Result<bool, PortError> {
        let mut command = redis::cmd("SET");
        command
            .arg(format!("vutf:c:{key}"))
            .arg("1")
            .arg("NX")
            .arg("PX")
            .arg(millis(ttl).unwrap_or(1));
        let answer = self.run::<Option<String>, _>("cache.claim", |connection| query(connection, command));
        answer.await.map(|set| set.is_some())
    }

    async fn spend(&self, key: &str, limit: RateLimit) -> Result<RateDecision, PortError> {
        let invocation = spend::invocation(&format!("vutf:r:{key}"), limit);
        let answer = self.run("cache.spend", |mut connection| async move {
            invocation.invoke_async::<spend::Answer>(&mut connection).await
        });
        answer.await.map(spend::decision)
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.run("cache.ping", ping).await
    }

    fn technology(&self) -> &'static str {
        "redis"
    }
    fn breaker_state(&self) -> Option<BreakerState> {
        Some(RedisCache::breaker_state(self))
    }
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisCache({:?})", self.breaker)
    }
}

fn value_key(key: &str) -> String {
    format!("vutf:v:{key}")
}

/// Whole milliseconds, rounded up; `None` for a time that is over at once.
fn millis(ttl: Duration) -> Option<u64> {
    let millis = ttl.min(LONGEST_TTL).as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).ok().filter(|millis| *millis > 0)
}
