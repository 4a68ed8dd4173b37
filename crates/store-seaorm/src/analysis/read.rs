//! Reading, outside of transactions.

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, sea_query::Expr};
use uuid::Uuid;
use vutf_audit::analysis::{
    AnalysisReader, Finding, FindingFilter, Progress, RuleSettings, Status,
    alert::{Counts, QueuedAlert},
};
use vutf_kernel::{FindingId, OrganizationId, Page, PageRequest, PortError, Timestamp};

use super::{by_finding, finding, rule_of};
use crate::{
    SeaStore,
    entity::{audit_finding_changes, audit_findings, audit_rules},
};

#[async_trait]
impl AnalysisReader for SeaStore {
    async fn finding(
        &self,
        organization_id: OrganizationId,
        id: FindingId,
    ) -> Result<Option<Finding>, PortError> {
        let query = one(organization_id, id);
        let row = self.read("audit_findings.find", |db| query.one(db)).await?;
        let Some(row) = row else { return Ok(None) };
        let steps = steps_of(vec![row.id]);
        let steps = self.read("audit_findings.steps", |db| steps.all(db)).await?;
        finding(&row, steps).map(Some)
    }

    async fn findings(&self, filter: &FindingFilter, page: &PageRequest) -> Result<Page<Finding>, PortError> {
        let query = select(filter, page);
        let rows = self.read("audit_findings.list", |db| query.all(db)).await?;
        let steps = steps_of(rows.iter().map(|row| row.id).collect());
        let steps = self.read("audit_findings.steps", |db| steps.all(db)).await?;
        let mut steps = by_finding(steps);
        let found = rows
            .iter()
            .map(|row| finding(row, steps.remove(&row.id).unwrap_or_default()))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_overfetch(found, page.limit, |finding| {
            finding.detection.id.as_uuid()
        }))
    }

    async fn rules(&self, organization_id: OrganizationId) -> Result<Vec<RuleSettings>, PortError> {
        let query = audit_rules::Entity::find()
            .filter(audit_rules::Column::OrganizationId.eq(organization_id.as_uuid()))
            .order_by_asc(audit_rules::Column::Rule);
        let rows = self.read("audit_rules.list", |db| query.all(db)).await?;
        rows.into_iter().map(rule_of).collect()
    }

    async fn progress(&self) -> Result<Progress, PortError> {
        self.analysis_progress().await
    }

    async fn due_alerts(&self, now: Timestamp, limit: u32) -> Result<Vec<QueuedAlert>, PortError> {
        self.alerts_due(now, limit).await
    }

    async fn alert_counts(&self) -> Result<Counts, PortError> {
        self.alerts_counted().await
    }
}

pub(super) fn one(organization_id: OrganizationId, id: FindingId) -> Select<audit_findings::Entity> {
    audit_findings::Entity::find_by_id(id.as_uuid())
        .filter(audit_findings::Column::OrganizationId.eq(organization_id.as_uuid()))
}

pub(super) fn steps_of(findings: Vec<Uuid>) -> Select<audit_finding_changes::Entity> {
    audit_finding_changes::Entity::find()
        .filter(audit_finding_changes::Column::FindingId.is_in(findings))
        .order_by_asc(audit_finding_changes::Column::FindingId)
        .order_by_asc(audit_finding_changes::Column::Number)
}

fn select(filter: &FindingFilter, page: &PageRequest) -> Select<audit_findings::Entity> {
    use audit_findings::Column;
    let mut query = audit_findings::Entity::find()
        .filter(Column::OrganizationId.eq(filter.organization_id.as_uuid()))
        .order_by_asc(Column::Id)
        .limit(u64::from(page.limit) + 1);
    if let Some(status) = filter.status {
        query = query.filter(Expr::cust(stands_at(status)));
    }
    if let Some(rule) = &filter.rule {
        query = query.filter(Column::Rule.eq(rule));
    }
    if let Some(severity) = filter.severity {
        query = query.filter(Column::Severity.eq(severity.as_str()));
    }
    if let Some(from) = filter.from {
        query = query.filter(Column::HappenedAt.gte(from.as_micros()));
    }
    if let Some(until) = filter.until {
        query = query.filter(Column::HappenedAt.lt(until.as_micros()));
    }
    if let Some(after) = page.after {
        query = query.filter(Column::Id.gt(after));
    }
    query
}

/// The last step of a finding, or none. The word is one of this program's.
fn stands_at(status: Status) -> String {
    format!(
        "COALESCE((SELECT c.to_status FROM audit_finding_changes c WHERE c.finding_id = audit_findings.id \
         ORDER BY c.number DESC LIMIT 1), 'new') = '{status}'"
    )
}
