//! In-memory twin of the ports, over a [`MemoryLog`].

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use vutf_kernel::{
    EventId, EventSink, Fault, FindingId, Lease, OrganizationId, Page, PageRequest, PortError, Timestamp,
    Transaction, Units,
};

use super::{
    AnalysisReader, AnalysisRepo, AnalysisTx, AnalysisUnit, Detection, Finding, FindingFilter, OriginReader,
    OriginTag, Progress, RuleSettings, StatusChange,
    alert::{Attempt, Counts, QueuedAlert, Sink},
    network_of,
};
use crate::{AuditTx, LogEntry, MemoryLog, MemoryTx};

/// How often a transaction that lost a race is run.
const ATTEMPTS: u32 = 20;

/// An alert that is not sent; without a time it is given up.
#[derive(Clone)]
struct Queued {
    alert: QueuedAlert,
    next_at: Option<Timestamp>,
}

#[derive(Clone)]
struct State {
    revision: u64,
    findings: BTreeMap<FindingId, Finding>,
    rules: BTreeMap<(OrganizationId, String), RuleSettings>,
    progress: Progress,
    alerts: BTreeMap<(FindingId, Sink), Queued>,
}

/// Findings and decisions in memory. Clones share them.
#[derive(Clone)]
pub struct MemoryAnalysis {
    log: MemoryLog,
    state: Arc<Mutex<State>>,
}

impl MemoryAnalysis {
    /// Nothing found yet, beside `log`.
    pub fn new(log: MemoryLog) -> Self {
        let state = State {
            revision: 0,
            findings: BTreeMap::new(),
            rules: BTreeMap::new(),
            progress: Progress::NONE,
            alerts: BTreeMap::new(),
        };
        Self {
            log,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A transaction. Of two at once, the one that commits later fails and is run again.
    pub fn begin_tx(&self) -> MemoryAnalysisTx {
        MemoryAnalysisTx {
            log: self.log.begin_tx(),
            state: self.lock().clone(),
            lease: None,
            store: self.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryAnalysis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryAnalysis({} findings)", self.lock().findings.len())
    }
}

/// A transaction on a [`MemoryAnalysis`] and its log.
pub struct MemoryAnalysisTx {
    store: MemoryAnalysis,
    log: MemoryTx,
    state: State,
    lease: Option<Lease>,
}

impl AuditTx for MemoryAnalysisTx {
    fn log(&mut self) -> &mut dyn EventSink {
        &mut self.log
    }
}

impl AnalysisTx for MemoryAnalysisTx {
    fn analysis(&mut self) -> &mut dyn AnalysisRepo {
        self
    }
}

#[async_trait]
impl Transaction for MemoryAnalysisTx {
    async fn commit(self: Box<Self>) -> Result<(), PortError> {
        let Self {
            store,
            log,
            mut state,
            lease,
        } = *self;
        if lease.is_some_and(|lease| !store.log.holds(&lease)) {
            return Err(overtaken());
        }
        let mut now = store.lock();
        if now.revision != state.revision {
            let cause = "another transaction was first";
            return Err(PortError::new("analysis.commit", Fault::Contention, cause));
        }
        log.settle()?;
        state.revision += 1;
        *now = state;
        Ok(())
    }
    async fn rollback(self: Box<Self>) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl Units<dyn AnalysisUnit> for MemoryAnalysis {
    async fn begin(&self) -> Result<Box<dyn AnalysisUnit>, PortError> {
        Ok(Box::new(self.begin_tx()))
    }
    async fn retry(&self, attempt: u32, _: &PortError) -> bool {
        attempt < ATTEMPTS
    }
}

fn overtaken() -> PortError {
    PortError::new("lease.fence", Fault::Stale, "the lease was taken over")
}

#[async_trait]
impl AnalysisRepo for MemoryAnalysisTx {
    async fn hold(&mut self, lease: &Lease) -> Result<(), PortError> {
        if !self.store.log.holds(lease) {
            return Err(overtaken());
        }
        self.lease = Some(lease.clone());
        Ok(())
    }

    async fn insert(
        &mut self,
        detection: &Detection,
        event_id: EventId,
        raised_at: Timestamp,
    ) -> Result<bool, PortError> {
        if self.state.findings.contains_key(&detection.id) {
            return Ok(false);
        }
        let finding = Finding {
            detection: detection.clone(),
            event_id,
            raised_at,
            changes: Vec::new(),
        };
        self.state.findings.insert(detection.id, finding);
        Ok(true)
    }

    async fn enqueue(
        &mut self,
        detection: &Detection,
        sinks: &[Sink],
        at: Timestamp,
    ) -> Result<(), PortError> {
        for sink in sinks {
            let alert = QueuedAlert {
                detection: detection.clone(),
                sink: *sink,
                attempts: 0,
                queued_at: at,
            };
            let next_at = Some(at);
            let queued = Queued { alert, next_at };
            self.state.alerts.insert((detection.id, *sink), queued);
        }
        Ok(())
    }

    async fn advance(&mut self, cursor: i64, snapshot: Option<&[u8]>, _: Timestamp) -> Result<(), PortError> {
        let progress = &mut self.state.progress;
        progress.cursor = cursor;
        if let Some(snapshot) = snapshot {
            progress.snapshot = Some(snapshot.to_vec());
        }
        Ok(())
    }

    async fn finding(
        &mut self,
        organization_id: OrganizationId,
        id: FindingId,
    ) -> Result<Option<Finding>, PortError> {
        let found = self.state.findings.get(&id);
        Ok(found
            .filter(|found| found.detection.organization_id == organization_id)
            .cloned())
    }

    async fn change(&mut self, change: &StatusChange) -> Result<(), PortError> {
        let finding = self.state.findings.get_mut(&change.finding_id);
        let finding = finding.ok_or_else(|| PortError::other("finding.change", "no such finding"))?;
        if finding.changes.iter().any(|known| known.number == change.number) {
            return Err(PortError::new(
                "finding.change",
                Fault::Duplicate,
                "the step is taken",
            ));
        }
        finding.changes.push(change.clone());
        Ok(())
    }

    async fn rule(
        &mut self,
        organization_id: OrganizationId,
        rule: &str,
    ) -> Result<Option<RuleSettings>, PortError> {
        Ok(self.state.rules.get(&(organization_id, rule.to_owned())).cloned())
    }

    async fn put_rule(&mut self, settings: &RuleSettings) -> Result<(), PortError> {
        let key = (settings.organization_id, settings.rule.clone());
        let version = self.state.rules.get(&key).map_or(0, |known| known.stamps.version);
        if version + 1 != settings.stamps.version {
            return Err(PortError::new(
                "rule.put",
                Fault::Stale,
                "it was changed meanwhile",
            ));
        }
        self.state.rules.insert(key, settings.clone());
        Ok(())
    }

    async fn settle(
        &mut self,
        alert: &QueuedAlert,
        attempt: &Attempt,
        _: Timestamp,
    ) -> Result<(), PortError> {
        let key = (alert.detection.id, alert.sink);
        let next_at = match attempt {
            Attempt::Sent => {
                self.state.alerts.remove(&key);
                return Ok(());
            }
            Attempt::Again { at, .. } => Some(*at),
            Attempt::Parked { .. } => None,
        };
        if let Some(queued) = self.state.alerts.get_mut(&key) {
            queued.next_at = next_at;
            queued.alert.attempts = alert.attempts.saturating_add(1);
        }
        Ok(())
    }
}

#[async_trait]
impl AnalysisReader for MemoryAnalysis {
    async fn finding(
        &self,
        organization_id: OrganizationId,
        id: FindingId,
    ) -> Result<Option<Finding>, PortError> {
        let mut tx = self.begin_tx();
        tx.analysis().finding(organization_id, id).await
    }

    async fn findings(&self, filter: &FindingFilter, page: &PageRequest) -> Result<Page<Finding>, PortError> {
        let state = self.lock();
        let after = |finding: &&Finding| {
            page.after
                .is_none_or(|after| finding.detection.id.as_uuid() > after)
        };
        let found = state
            .findings
            .values()
            .filter(|finding| filter.matches(finding))
            .filter(after)
            .take(usize::from(page.limit) + 1)
            .cloned();
        Ok(Page::from_overfetch(found.collect(), page.limit, |finding| {
            finding.detection.id.as_uuid()
        }))
    }

    async fn rules(&self, organization_id: OrganizationId) -> Result<Vec<RuleSettings>, PortError> {
        let state = self.lock();
        let of_tenant = |settings: &&RuleSettings| settings.organization_id == organization_id;
        Ok(state.rules.values().filter(of_tenant).cloned().collect())
    }

    async fn progress(&self) -> Result<Progress, PortError> {
        Ok(self.lock().progress.clone())
    }

    async fn due_alerts(&self, now: Timestamp, limit: u32) -> Result<Vec<QueuedAlert>, PortError> {
        let state = self.lock();
        let due = |queued: &&Queued| queued.next_at.is_some_and(|at| at <= now);
        let mut due: Vec<&Queued> = state.alerts.values().filter(due).collect();
        due.sort_by_key(|queued| queued.next_at);
        due.truncate(limit as usize);
        Ok(due.into_iter().map(|queued| queued.alert.clone()).collect())
    }

    async fn alert_counts(&self) -> Result<Counts, PortError> {
        let state = self.lock();
        let parked = state
            .alerts
            .values()
            .filter(|queued| queued.next_at.is_none())
            .count() as u64;
        Ok(Counts {
            pending: state.alerts.len() as u64 - parked,
            parked,
        })
    }
}

/// For logs that keep private parts as they are.
#[async_trait]
impl OriginReader for MemoryAnalysis {
    async fn origins(&self, entries: &[&LogEntry]) -> Result<Vec<OriginTag>, PortError> {
        Ok(entries.iter().map(|entry| tag(entry)).collect())
    }
}

fn tag(entry: &LogEntry) -> OriginTag {
    let part = |name: &str| {
        let mut parts = entry.intake.iter().flat_map(|intake| &intake.parts);
        let bytes = &parts.find(|part| part.name == name)?.ciphertext;
        String::from_utf8(bytes.clone()).ok()
    };
    let hash = |text: String| {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let mut tag = [0; 16];
        tag.copy_from_slice(&digest[..16]);
        tag
    };
    OriginTag {
        network: part("source_ip").and_then(|ip| network_of(&ip)).map(hash),
        device: part("user_agent").map(hash),
    }
}
