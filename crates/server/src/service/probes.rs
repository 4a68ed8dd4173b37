//! What readiness looks at.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use vutf_crypto_keys::{KekHealth, Keks, KeyWrapper, Keyring, Posture};
use vutf_kernel::{Ambient, Cache, breaker::BreakerState};
use vutf_store_seaorm::{Backlog, SeaStore};

use super::{SequencerStatus, Service, WitnessStatus, export::ExportStatus};
use crate::http::health::{KekStatus, KeyHealth, Probe, ProbeStatus, Report};

/// Below this the disk counts as full: SQLite and its log need room to finish what they began.
const DISK_FLOOR_BYTES: u64 = 64 * 1024 * 1024;
/// Less than what a probe may take: a provider that hangs is no reason to turn requests away.
const KMS_LIMIT: Duration = Duration::from_millis(600);

pub(super) fn all(
    service: &Service,
    sequencer: Arc<SequencerStatus>,
    witnesses: Option<Arc<WitnessStatus>>,
    sinks: &[Arc<ExportStatus>],
) -> Vec<Arc<dyn Probe>> {
    let mut probes: Vec<Arc<dyn Probe>> = vec![
        Arc::new(DatabaseProbe(service.store.clone())),
        Arc::new(MigrationsProbe(service.store.clone())),
        Arc::new(CacheProbe(Arc::clone(&service.cache))),
        Arc::new(KmsProbe {
            wrapper: Arc::clone(&service.wrapper),
            keyring: Arc::clone(&service.keyring),
            told: Mutex::default(),
        }),
        Arc::new(AuditProbe {
            status: sequencer,
            backlog: Arc::clone(&service.lone_events.backlog),
            witnesses,
            ambient: service.ambient.clone(),
        }),
        Arc::new(DiskProbe(service.config.data_dir.clone())),
    ];
    if !sinks.is_empty() {
        probes.push(Arc::new(AuditExportProbe {
            sinks: sinks.to_vec(),
            ambient: service.ambient.clone(),
        }));
    }
    probes
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

/// The provider may be away for as long as the keys in memory may do without it. What they may still do decides, and not
/// whether it answers: turning requests away is right only once none could be served.
struct KmsProbe {
    wrapper: Arc<dyn KeyWrapper>,
    keyring: Arc<Keyring>,
    told: Mutex<Vec<String>>,
}

impl KmsProbe {
    /// Names in the log, once for each change, those that cannot be used.
    fn tell(&self, keks: &[KekStatus]) {
        let down = keks.iter().filter(|kek| kek.status == ProbeStatus::Failed);
        let down: Vec<String> = down
            .map(|kek| format!("{} ({}, {})", kek.id, kek.technology, kek.role))
            .collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != down {
            if down.is_empty() {
                tracing::info!("every key-encryption key can be used");
            } else {
                tracing::warn!(keks = down.join(", "), "key-encryption keys cannot be used");
            }
            *told = down;
        }
    }

    fn sum_up(posture: Posture, keks: &[KekStatus]) -> ProbeStatus {
        let all_answer = !keks.is_empty() && keks.iter().all(|kek| kek.status == ProbeStatus::Ok);
        match posture {
            Posture::Closed => ProbeStatus::Failed,
            Posture::Fresh if all_answer => ProbeStatus::Ok,
            Posture::Fresh | Posture::Grace | Posture::ReadOnly => ProbeStatus::Degraded,
        }
    }
}

#[async_trait]
impl Probe for KmsProbe {
    fn name(&self) -> &'static str {
        "kms"
    }
    fn required(&self) -> bool {
        true
    }
    async fn check(&self) -> ProbeStatus {
        self.report().await.status
    }
    async fn report(&self) -> Report {
        let keks = kek_health(&*self.wrapper, KMS_LIMIT).await;
        self.tell(&keks);
        let posture = self.keyring.posture();
        Report {
            status: Self::sum_up(posture, &keks),
            keys: Some(KeyHealth {
                posture: posture.as_str(),
                keks,
            }),
        }
    }
}

/// Every key-encryption key, or none when one of them hangs.
pub(super) async fn kek_health(wrapper: &dyn KeyWrapper, limit: Duration) -> Vec<KekStatus> {
    let asked = Keks::of(wrapper);
    let Ok(members) = tokio::time::timeout(limit, asked.health()).await else {
        return Vec::new();
    };
    let status = |member: KekHealth| KekStatus {
        status: answered(&member.answer, member.breaker),
        id: member.kek_id,
        role: member.role.as_str(),
        technology: member.technology,
    };
    members.into_iter().map(status).collect()
}

/// Not required: to turn every request away would make it cheap to stop the service by touching the log.
struct AuditProbe {
    status: Arc<SequencerStatus>,
    backlog: Arc<Backlog>,
    witnesses: Option<Arc<WitnessStatus>>,
    ambient: Ambient,
}

impl AuditProbe {
    fn is_contradicted(&self) -> bool {
        self.witnesses
            .as_ref()
            .is_some_and(|witnesses| witnesses.is_contradicted())
    }
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
        } else if self.status.is_behind(self.ambient.now())
            || self.backlog.waiting() > 0
            || self.is_contradicted()
        {
            ProbeStatus::Degraded
        } else {
            ProbeStatus::Ok
        }
    }
}

/// Not required: who can stop a receiver of the log could stop the service.
struct AuditExportProbe {
    sinks: Vec<Arc<ExportStatus>>,
    ambient: Ambient,
}

#[async_trait]
impl Probe for AuditExportProbe {
    fn name(&self) -> &'static str {
        "audit_export"
    }
    fn required(&self) -> bool {
        false
    }
    async fn check(&self) -> ProbeStatus {
        let now = self.ambient.now();
        if self.sinks.iter().any(|sink| sink.is_refused()) {
            ProbeStatus::Failed
        } else if self.sinks.iter().any(|sink| sink.is_failing(now)) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keys_may_still_do_decides_and_not_whether_the_provider_answers() {
        let kek = |status| KekStatus {
            id: "kek-1".into(),
            role: "primary",
            technology: "file",
            status,
        };
        let (up, down) = (
            [kek(ProbeStatus::Ok)],
            [kek(ProbeStatus::Ok), kek(ProbeStatus::Failed)],
        );
        for (posture, keks, expected) in [
            (Posture::Fresh, &up[..], ProbeStatus::Ok),
            (Posture::Fresh, &down[..], ProbeStatus::Degraded),
            (Posture::Fresh, &[][..], ProbeStatus::Degraded),
            (Posture::Grace, &up[..], ProbeStatus::Degraded),
            (Posture::ReadOnly, &up[..], ProbeStatus::Degraded),
            (Posture::Closed, &up[..], ProbeStatus::Failed),
        ] {
            assert_eq!(KmsProbe::sum_up(posture, keks), expected, "{posture:?} {keks:?}");
        }
    }
}
