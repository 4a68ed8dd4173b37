//! What readiness looks at.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use vutf_crypto_keys::KeyWrapper;
use vutf_kernel::{Ambient, Cache, breaker::BreakerState};
use vutf_store_seaorm::SeaStore;

use super::{SequencerStatus, Service};
use crate::http::health::{Probe, ProbeStatus};

/// Below this the disk counts as full: SQLite and its log need room to finish what they began.
const DISK_FLOOR_BYTES: u64 = 64 * 1024 * 1024;

pub(super) fn all(service: &Service, sequencer: Arc<SequencerStatus>) -> Vec<Arc<dyn Probe>> {
    vec![
        Arc::new(DatabaseProbe(service.store.clone())),
        Arc::new(MigrationsProbe(service.store.clone())),
        Arc::new(CacheProbe(Arc::clone(&service.cache))),
        Arc::new(KmsProbe(Arc::clone(&service.wrapper))),
        Arc::new(AuditProbe {
            status: sequencer,
            ambient: service.ambient.clone(),
        }),
        Arc::new(DiskProbe(service.config.data_dir.clone())),
    ]
}

/// What a dependency is that was asked and whose breaker is in this state now.
fn answered<T, E>(answer: &Result<T, E>, breaker: Option<BreakerState>) -> ProbeStatus {
    match (answer, breaker) {
        (Err(_), _) => ProbeStatus::Failed,
        (Ok(_), None | Some(BreakerState::Closed)) => ProbeStatus::Ok,
        (Ok(_), Some(BreakerState::Open | BreakerState::HalfOpen)) => ProbeStatus::Degraded,
    }
}

struct DatabaseProbe(SeaStore);

#[async_trait]
impl Probe for DatabaseProbe {
    fn name(&self) -> &'static str {
        "database"
    }
    fn required(&self) -> bool {
        true
    }
    async fn check(&self) -> ProbeStatus {
        answered(&self.0.ping().await, Some(self.0.breaker_state()))
    }
}

struct MigrationsProbe(SeaStore);

#[async_trait]
impl Probe for MigrationsProbe {
    fn name(&self) -> &'static str {
        "migrations"
    }
    fn required(&self) -> bool {
        true
    }
    async fn check(&self) -> ProbeStatus {
        match self.0.migration_status().await {
            Ok(lines) if lines.iter().all(|line| line.applied) => ProbeStatus::Ok,
            _ => ProbeStatus::Failed,
        }
    }
}

struct CacheProbe(Arc<dyn Cache>);

#[async_trait]
impl Probe for CacheProbe {
    fn name(&self) -> &'static str {
        "cache"
    }
    fn required(&self) -> bool {
        false
    }
    async fn check(&self) -> ProbeStatus {
        let answer = self.0.ping().await;
        answered(&answer, self.0.breaker_state())
    }
}

/// Keys that are loaded work without it, so it is not required to serve.
struct KmsProbe(Arc<dyn KeyWrapper>);

#[async_trait]
impl Probe for KmsProbe {
    fn name(&self) -> &'static str {
        "kms"
    }
    fn required(&self) -> bool {
        false
    }
    async fn check(&self) -> ProbeStatus {
        let answer = self.0.ping().await;
        answered(&answer, self.0.breaker_state())
    }
}

/// Not required: to turn every request away would make it cheap to stop the service by touching the log.
struct AuditProbe {
    status: Arc<SequencerStatus>,
    ambient: Ambient,
}

#[async_trait]
impl Probe for AuditProbe {
    fn name(&self) -> &'static str {
        "audit"
    }
    fn required(&self) -> bool {
        false
    }
    async fn check(&self) -> ProbeStatus {
        if self.status.is_refused() {
            ProbeStatus::Failed
        } else if self.status.is_behind(self.ambient.now()) {
            ProbeStatus::Degraded
        } else {
            ProbeStatus::Ok
        }
    }
}

struct DiskProbe(PathBuf);

#[async_trait]
impl Probe for DiskProbe {
    fn name(&self) -> &'static str {
        "disk"
    }
    fn required(&self) -> bool {
        false
    }
    async fn check(&self) -> ProbeStatus {
        match rustix::fs::statvfs(&self.0) {
            Ok(stat) if stat.f_bavail.saturating_mul(stat.f_frsize) >= DISK_FLOOR_BYTES => ProbeStatus::Ok,
            Ok(_) => ProbeStatus::Degraded,
            Err(_) => ProbeStatus::Failed,
        }
    }
}
