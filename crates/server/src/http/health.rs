//! Whether the process may be sent requests. Probes run in parallel, none longer than [`PROBE_LIMIT`], and any number of
//! askers share one run.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::sync::Mutex;

/// A probe that takes longer has failed: an answer is due within a second.
const PROBE_LIMIT: Duration = Duration::from_millis(800);
/// How long a result is shared.
const FRESH: Duration = Duration::from_millis(250);

/// How a dependency is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeStatus {
    /// It answers.
    Ok,
    /// It works in part.
    Degraded,
    /// It does not.
    Failed,
}

impl ProbeStatus {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        }
    }
}

/// How the keys stand, and who keeps the keys above them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHealth {
    /// `fresh`, `grace`, `read_only` or `closed`.
    pub posture: &'static str,
    /// The key-encryption keys; empty when they did not answer in time.
    pub keks: Vec<KekStatus>,
}

/// One key-encryption key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KekStatus {
    /// Its id.
    pub id: String,
    /// `primary`, `also_wrap` or `moving_from`.
    pub role: &'static str,
    /// E.g. `file`.
    pub technology: &'static str,
    /// Whether it answers.
    pub status: ProbeStatus,
}

/// What a probe tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How the dependency is.
    pub status: ProbeStatus,
    /// More about keys, from the probe that looks at them.
    pub keys: Option<KeyHealth>,
}

impl From<ProbeStatus> for Report {
    fn from(status: ProbeStatus) -> Self {
        Self { status, keys: None }
    }
}

/// Looks at one dependency.
#[async_trait]
pub trait Probe: Send + Sync {
    /// E.g. `database`.
    fn name(&self) -> &'static str;
    /// Whether nothing can be served without it.
    fn required(&self) -> bool;
    /// Looks now.
    async fn check(&self) -> ProbeStatus;
    /// Looks now, and tells more than that if there is more.
    async fn report(&self) -> Report {
        self.check().await.into()
    }
}

/// What a probe found.
#[derive(Clone, Debug)]
pub struct ProbeResult {
    /// Which dependency.
    pub name: &'static str,
    /// How it is.
    pub status: ProbeStatus,
    /// How long the look took.
    pub latency: Duration,
    /// Whether nothing can be served without it.
    pub required: bool,
    /// More about keys, from the probe that looks at them.
    pub keys: Option<KeyHealth>,
}

/// Where the process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not everything is loaded.
    Starting,
    /// Serves.
    Serving,
    /// Finishes what is under way.
    Draining,
}

/// The answer for a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Send requests.
    Ready,
    /// Send requests; something optional is down.
    Degraded,
    /// Send none.
    NotReady,
}

impl Readiness {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::NotReady => "not_ready",
        }
    }
}

/// The phase of the process and its probes.
pub struct Health {
    phase: AtomicU8,
    probes: Vec<Arc<dyn Probe>>,
    last: Mutex<Option<(Instant, Arc<[ProbeResult]>)>>,
}

impl Health {
    /// In phase [`Phase::Starting`].
    pub fn new(probes: Vec<Arc<dyn Probe>>) -> Self {
        Self {
            phase: AtomicU8::new(0),
            probes,
            last: Mutex::new(None),
        }
    }

    /// Everything is loaded. Does nothing once the process drains.
    pub fn serve(&self) {
        let _drains = self
            .phase
            .compare_exchange(0, 1, Ordering::AcqRel, Ordering::Acquire);
    }

    /// No new requests; there is no way back.
    pub fn drain(&self) {
        self.phase.store(2, Ordering::Release);
    }

    /// Where the process is.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Serving,
            _ => Phase::Draining,
        }
    }

    /// What the probes found, at most [`FRESH`] ago.
    pub async fn results(&self) -> Arc<[ProbeResult]> {
        // Held while the probes run: whoever comes meanwhile waits for their result instead of asking again.
        let mut last = self.last.lock().await;
        if let Some((at, results)) = &*last
            && at.elapsed() < FRESH
        {
            return Arc::clone(results);
        }
        let results: Arc<[ProbeResult]> = join_all(self.probes.iter().map(|probe| look(&**probe)))
            .await
            .into();
        *last = Some((Instant::now(), Arc::clone(&results)));
        results
    }

    /// Sums up `results` and the phase.
    pub fn readiness(&self, results: &[ProbeResult]) -> Readiness {
        let failed = |result: &&ProbeResult| result.status == ProbeStatus::Failed;
        if self.phase() != Phase::Serving || results.iter().filter(failed).any(|result| result.required) {
            Readiness::NotReady
        } else if results.iter().any(|result| result.status != ProbeStatus::Ok) {
            Readiness::Degraded
        } else {
            Readiness::Ready
        }
    }
}

async fn look(probe: &dyn Probe) -> ProbeResult {
    let started = Instant::now();
    let report = tokio::time::timeout(PROBE_LIMIT, probe.report()).await;
    let report = report.unwrap_or(Report::from(ProbeStatus::Failed));
    ProbeResult {
        name: probe.name(),
        status: report.status,
        keys: report.keys,
        latency: started.elapsed(),
        required: probe.required(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    struct Fake {
        required: bool,
        status: ProbeStatus,
        hangs: bool,
        asked: Arc<AtomicUsize>,
    }

    #[async_trait]
    impl Probe for Fake {
        fn name(&self) -> &'static str {
            "fake"
        }
        fn required(&self) -> bool {
            self.required
        }
        async fn check(&self) -> ProbeStatus {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.hangs {
                std::future::pending::<()>().await;
            }
            tokio::task::yield_now().await;
            self.status
        }
    }

    fn health(required: bool, status: ProbeStatus, hangs: bool) -> (Health, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let probe = Fake {
            required,
            status,
            hangs,
            asked: Arc::clone(&asked),
        };
        (Health::new(vec![Arc::new(probe)]), asked)
    }

    async fn readiness(health: &Health) -> Readiness {
        health.readiness(&health.results().await)
    }

    #[tokio::test]
    async fn phases_go_one_way() {
        let (health, _) = health(true, ProbeStatus::Ok, false);
        assert_eq!(readiness(&health).await, Readiness::NotReady);
        health.serve();
        assert_eq!(readiness(&health).await, Readiness::Ready);
        health.drain();
        health.serve();
        assert_eq!(health.phase(), Phase::Draining);
        assert_eq!(readiness(&health).await, Readiness::NotReady);
    }

    #[tokio::test]
    async fn what_is_optional_only_degrades() {
        for (required, status, expected) in [
            (true, ProbeStatus::Failed, Readiness::NotReady),
            (true, ProbeStatus::Degraded, Readiness::Degraded),
            (false, ProbeStatus::Failed, Readiness::Degraded),
            (false, ProbeStatus::Ok, Readiness::Ready),
        ] {
            let (health, _) = health(required, status, false);
            health.serve();
            assert_eq!(readiness(&health).await, expected);
        }
    }

    #[tokio::test]
    async fn a_probe_that_hangs_has_failed() {
        let (health, _) = health(true, ProbeStatus::Ok, true);
        health.serve();
        let asked = tokio::time::timeout(Duration::from_secs(10), readiness(&health)).await;
        assert_eq!(asked, Ok(Readiness::NotReady));
    }

    #[tokio::test]
    async fn many_askers_share_one_run() {
        let (health, asked) = health(true, ProbeStatus::Ok, false);
        join_all((0..50).map(|_| health.results())).await;
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
