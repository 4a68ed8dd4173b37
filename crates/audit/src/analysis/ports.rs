//! What the analysis needs from a store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use vutf_kernel::{
    Ambient, EventId, EventRecorder, FindingId, Lease, OrganizationId, Page, PageRequest, PortError,
    Timestamp, Transaction, Units,
};

use super::{
    Detection, Finding, OriginTag, RuleSet, RuleSettings, Severity, Status, StatusChange,
    alert::{Attempt, Counts, QueuedAlert, Sink},
};
use crate::{AuditTx, LogEntry};

/// Which findings. Absent parts do not restrict; the tenant always does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingFilter {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// That stand so.
    pub status: Option<Status>,
    /// Of exactly this rule.
    pub rule: Option<String>,
    /// So grave, no more and no less.
    pub severity: Option<Severity>,
    /// Whose last event happened at this instant or later.
    pub from: Option<Timestamp>,
    /// Whose last event happened before this instant.
    pub until: Option<Timestamp>,
}

impl FindingFilter {
    /// Every finding of a tenant.
    pub const fn within(organization_id: OrganizationId) -> Self {
        Self {
            organization_id,
            status: None,
            rule: None,
            severity: None,
            from: None,
            until: None,
        }
    }

    /// What the filter means; a store's query must select the same rows.
    pub fn matches(&self, finding: &Finding) -> bool {
        let found = &finding.detection;
        self.organization_id == found.organization_id
            && self.status.is_none_or(|status| status == finding.status())
            && self.rule.as_ref().is_none_or(|rule| *rule == found.rule)
            && self.severity.is_none_or(|severity| severity == found.severity)
            && self.from.is_none_or(|from| found.at >= from)
            && self.until.is_none_or(|until| found.at < until)
    }
}

/// How far the analysis has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last event whose findings are committed; -1 before the first. Whoever goes on from a snapshot comes by again.
    pub cursor: i64,
    /// A snapshot of the engine, taken there or earlier.
    pub snapshot: Option<Vec<u8>>,
    /// Somebody else than the service has written it: it is nothing to go on from.
    pub is_foreign: bool,
}

impl Progress {
    /// Before the first event.
    pub const NONE: Self = Self {
        cursor: -1,
        snapshot: None,
        is_foreign: false,
    };
}

/// What was found and decided, for reading.
#[async_trait]
pub trait AnalysisReader: Send + Sync {
    /// One finding of a tenant.
    async fn finding(
        &self,
        organization_id: OrganizationId,
        id: FindingId,
    ) -> Result<Option<Finding>, PortError>;
    /// The findings that `filter` matches, in ascending order of id, which is that of their last events' time.
    async fn findings(&self, filter: &FindingFilter, page: &PageRequest) -> Result<Page<Finding>, PortError>;
    /// What a tenant decided, by rule.
    async fn rules(&self, organization_id: OrganizationId) -> Result<Vec<RuleSettings>, PortError>;
    /// How far the analysis has come.
    async fn progress(&self) -> Result<Progress, PortError>;
    /// At most `limit` alerts that are to be tried now, the one that waits longest first.
    async fn due_alerts(&self, now: Timestamp, limit: u32) -> Result<Vec<QueuedAlert>, PortError>;
    /// How many alerts wait, and how many were given up.
    async fn alert_counts(&self) -> Result<Counts, PortError>;
}

/// What was found and decided, in a transaction.
#[async_trait]
pub trait AnalysisRepo: Send {
    /// Fails with [`vutf_kernel::Fault::Stale`] once the lease's epoch was overtaken, and keeps it from being until the commit.
    async fn hold(&mut self, lease: &Lease) -> Result<(), PortError>;
    /// Adds a finding; `false`, and nothing is written, when it is there already.
    async fn insert(
        &mut self,
        detection: &Detection,
        event_id: EventId,
        raised_at: Timestamp,
    ) -> Result<bool, PortError>;
    /// Somebody is to be told, from `at` on.
    async fn enqueue(
        &mut self,
        detection: &Detection,
        sinks: &[Sink],
        at: Timestamp,
    ) -> Result<(), PortError>;
    /// The analysis has come so far; a snapshot that is not given stays.
    async fn advance(
        &mut self,
        cursor: i64,
        snapshot: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<(), PortError>;
    /// One finding of a tenant.
    async fn finding(
        &mut self,
        organization_id: OrganizationId,
        id: FindingId,
    ) -> Result<Option<Finding>, PortError>;
    /// Adds a step; [`vutf_kernel::Fault::Duplicate`] when somebody else has added that number.
    async fn change(&mut self, change: &StatusChange) -> Result<(), PortError>;
    /// What a tenant decided about a rule.
    async fn rule(
        &mut self,
        organization_id: OrganizationId,
        rule: &str,
    ) -> Result<Option<RuleSettings>, PortError>;
    /// Version 1 is added, a later one takes the place of the one before; else [`vutf_kernel::Fault::Stale`].
    async fn put_rule(&mut self, settings: &RuleSettings) -> Result<(), PortError>;
    /// What came of trying an alert.
    async fn settle(
        &mut self,
        alert: &QueuedAlert,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<(), PortError>;
}

/// The part of a unit of work that the analysis sees.
pub trait AnalysisTx: AuditTx {
    /// Findings and decisions.
    fn analysis(&mut self) -> &mut dyn AnalysisRepo;
}

/// A transaction of the analysis.
pub trait AnalysisUnit: AnalysisTx + Transaction {}

impl<T: AnalysisTx + Transaction> AnalysisUnit for T {}

/// Where events came from.
#[async_trait]
pub trait OriginReader: Send + Sync {
    /// One tag for each entry, in their order. What cannot be opened any more is absent in its tag; what cannot be opened *now*
    /// is an error, so that nothing is passed over.
    async fn origins(&self, entries: &[&LogEntry]) -> Result<Vec<OriginTag>, PortError>;
}

/// Who is told of what.
#[derive(Clone, Debug)]
pub struct Alerting {
    /// By which ways.
    pub sinks: Vec<Sink>,
    /// Of findings so grave or graver.
    pub minimum: Severity,
    /// Of findings whose last event is not older: who evaluates years of a log at once tells nobody of years ago.
    pub max_age: Duration,
}

/// The handles that the use cases of this module need.
#[derive(Clone, Copy)]
pub struct Analysis<'a> {
    /// Transactions.
    pub units: &'a dyn Units<dyn AnalysisUnit>,
    /// Findings and decisions.
    pub reader: &'a dyn AnalysisReader,
    /// Takes events about looks and refusals.
    pub recorder: &'a dyn EventRecorder,
    /// The rules.
    pub rules: &'a Arc<RuleSet>,
    /// Time and randomness.
    pub ambient: &'a Ambient,
}
