//! Writing, in a transaction.

use async_trait::async_trait;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement, Value};
use vutf_audit::analysis::{
    AnalysisRepo, Detection, Finding, RuleSettings, StatusChange,
    alert::{Attempt, QueuedAlert, Sink},
};
use vutf_kernel::{EventId, Fault, FindingId, Lease, OrganizationId, PortError, Timestamp};

use super::{
    finding,
    read::{one, steps_of},
    rule_of, rule_row,
};
use crate::{
    entity::{audit_finding_changes, audit_rules},
    error::port,
    tx::Tx,
};

/// The same finding has the same id: who finds it again writes nothing.
const INSERT: &str = "INSERT INTO audit_findings \
     (id, organization_id, rule, severity, happened_at, raised_at, event_id, detection) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING";

#[async_trait]
impl AnalysisRepo for Tx {
    async fn hold(&mut self, lease: &Lease) -> Result<(), PortError> {
        self.fence(&lease.name, lease).await
    }

    async fn insert(
        &mut self,
        detection: &Detection,
        event_id: EventId,
        raised_at: Timestamp,
    ) -> Result<bool, PortError> {
        let text = serde_json::to_string(detection)
            .map_err(|error| PortError::other("audit_findings.write", error))?;
        let values: [Value; 8] = [
            detection.id.as_uuid().into(),
            detection.organization_id.as_uuid().into(),
            detection.rule.clone().into(),
            detection.severity.as_str().into(),
            detection.at.as_micros().into(),
            raised_at.as_micros().into(),
            event_id.as_uuid().into(),
            text.into(),
        ];
        let statement = Statement::from_sql_and_values(self.backend, INSERT, values);
        let done = self.db.execute_raw(statement).await;
        Ok(done.map_err(port("audit_findings.insert"))?.rows_affected() == 1)
    }

    async fn enqueue(
        &mut self,
        detection: &Detection,
        sinks: &[Sink],
        at: Timestamp,
    ) -> Result<(), PortError> {
        self.queue_alerts(detection, sinks, at).await
    }

    async fn advance(
        &mut self,
        cursor: i64,
        snapshot: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<(), PortError> {
        self.advance_analysis(cursor, snapshot, now).await
    }

    async fn finding(
        &mut self,
        organization_id: OrganizationId,
        id: FindingId,
    ) -> Result<Option<Finding>, PortError> {
        let row = one(organization_id, id).one(&self.db).await;
        let Some(row) = row.map_err(port("audit_findings.find"))? else {
            return Ok(None);
        };
        let steps = steps_of(vec![row.id]).all(&self.db).await;
        finding(&row, steps.map_err(port("audit_findings.steps"))?).map(Some)
    }

    async fn change(&mut self, change: &StatusChange) -> Result<(), PortError> {
        let actor = serde_json::to_string(&change.by)
            .map_err(|error| PortError::other("audit_finding_changes.write", error))?;
        let row = audit_finding_changes::ActiveModel {
            finding_id: Set(change.finding_id.as_uuid()),
            number: Set(i64::from(change.number)),
            organization_id: Set(change.organization_id.as_uuid()),
            to_status: Set(change.to.as_str().to_owned()),
            changed_at: Set(change.at.as_micros()),
            actor: Set(actor),
            note: Set(change.note.clone()),
            event_id: Set(change.event_id.as_uuid()),
        };
        audit_finding_changes::Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("audit_finding_changes.insert"))
    }

    async fn rule(
        &mut self,
        organization_id: OrganizationId,
        rule: &str,
    ) -> Result<Option<RuleSettings>, PortError> {
        let key = (organization_id.as_uuid(), rule.to_owned());
        let row = audit_rules::Entity::find_by_id(key).one(&self.db).await;
        row.map_err(port("audit_rules.find"))?.map(rule_of).transpose()
    }

    async fn put_rule(&mut self, settings: &RuleSettings) -> Result<(), PortError> {
        let row = rule_row(settings)?;
        if settings.stamps.version == 1 {
            let added = audit_rules::Entity::insert(row)
                .exec_without_returning(&self.db)
                .await;
            return added
                .map(|_| ())
                .map_err(|error| match port("audit_rules.insert")(error) {
                    PortError {
                        fault: Fault::Duplicate,
                        ..
                    } => changed_meanwhile(),
                    other => other,
                });
        }
        let done = audit_rules::Entity::update_many()
            .set(row)
            .filter(audit_rules::Column::OrganizationId.eq(settings.organization_id.as_uuid()))
            .filter(audit_rules::Column::Rule.eq(&settings.rule))
            .filter(audit_rules::Column::Version.eq(settings.stamps.version.saturating_sub(1)))
            .exec(&self.db)
            .await
            .map_err(port("audit_rules.replace"))?;
        if done.rows_affected == 1 {
            Ok(())
        } else {
            Err(changed_meanwhile())
        }
    }

    async fn settle(
        &mut self,
        alert: &QueuedAlert,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<(), PortError> {
        self.settle_alert(alert, attempt, now).await
    }
}

fn changed_meanwhile() -> PortError {
    PortError::new("audit_rules.put", Fault::Stale, "the rule was changed meanwhile")
}
