//! What the analysis of the log found and decided, how far it has come, and who is still to be told.

mod alerts;
mod origins;
mod progress;
mod read;
mod write;

use std::collections::BTreeMap;

use sea_orm::ActiveValue::Set;
use uuid::Uuid;
use vutf_audit::analysis::{
    AnalysisRepo, AnalysisTx, Detection, Finding, RuleSettings, Silence, Status, StatusChange,
};
use vutf_kernel::{EventId, FindingId, OrganizationId, PortError, Timestamp};

use crate::{
    entity::{audit_finding_changes, audit_findings, audit_rules},
    identity::{set_stamps, stamps_of},
    row::corrupt,
    tx::Tx,
};

impl AnalysisTx for Tx {
    fn analysis(&mut self) -> &mut dyn AnalysisRepo {
        self
    }
}

/// The detection as it was written; the columns say the same, or the row is not as the service wrote it.
fn detection(row: &audit_findings::Model) -> Result<Detection, PortError> {
    let bad = |problem: String| corrupt("audit_findings", "detection", row.id, problem);
    let read: Detection = serde_json::from_str(&row.detection).map_err(|error| bad(error.to_string()))?;
    let told = (
        read.id.as_uuid(),
        read.organization_id.as_uuid(),
        read.rule.as_str(),
        read.severity.as_str(),
        read.at.as_micros(),
    );
    let columns = (
        row.id,
        row.organization_id,
        row.rule.as_str(),
        row.severity.as_str(),
        row.happened_at,
    );
    if told == columns {
        Ok(read)
    } else {
        Err(bad("it says something else than its row".to_owned()))
    }
}

fn finding(
    row: &audit_findings::Model,
    changes: Vec<audit_finding_changes::Model>,
) -> Result<Finding, PortError> {
    Ok(Finding {
        detection: detection(row)?,
        event_id: EventId::from_uuid(row.event_id),
        raised_at: Timestamp::from_micros(row.raised_at),
        changes: changes.into_iter().map(change).collect::<Result<_, _>>()?,
    })
}

fn change(row: audit_finding_changes::Model) -> Result<StatusChange, PortError> {
    let bad = |column, problem: String| corrupt("audit_finding_changes", column, row.finding_id, problem);
    Ok(StatusChange {
        finding_id: FindingId::from_uuid(row.finding_id),
        organization_id: OrganizationId::from_uuid(row.organization_id),
        number: u32::try_from(row.number).map_err(|error| bad("number", error.to_string()))?,
        to: Status::parse(&row.to_status).ok_or_else(|| bad("to_status", "unknown".to_owned()))?,
        at: Timestamp::from_micros(row.changed_at),
        by: serde_json::from_str(&row.actor).map_err(|error| bad("actor", error.to_string()))?,
        note: row.note,
        event_id: EventId::from_uuid(row.event_id),
    })
}

fn rule_row(settings: &RuleSettings) -> Result<audit_rules::ActiveModel, PortError> {
    let overrides = serde_json::to_string(&settings.overrides)
        .map_err(|error| PortError::other("audit_rules.write", error))?;
    let silence = settings.silence.as_ref();
    let mut row = audit_rules::ActiveModel {
        organization_id: Set(settings.organization_id.as_uuid()),
        rule: Set(settings.rule.clone()),
        enabled: Set(settings.enabled),
        overrides: Set(overrides),
        silent_until: Set(silence.map(|silence| silence.until.as_micros())),
        silence_reason: Set(silence.map(|silence| silence.reason.clone())),
        ..Default::default()
    };
    set_stamps!(row, &settings.stamps);
    Ok(row)
}

fn rule_of(row: audit_rules::Model) -> Result<RuleSettings, PortError> {
    let overrides: BTreeMap<String, i64> = serde_json::from_str(&row.overrides)
        .map_err(|error| corrupt("audit_rules", "overrides", &row.rule, error))?;
    let silence = row.silent_until.zip(row.silence_reason.clone());
    Ok(RuleSettings {
        organization_id: OrganizationId::from_uuid(row.organization_id),
        enabled: row.enabled,
        overrides,
        silence: silence.map(|(until, reason)| Silence {
            until: Timestamp::from_micros(until),
            reason,
        }),
        stamps: stamps_of!(row),
        rule: row.rule,
    })
}

/// Steps of several findings, each finding's in their order.
fn by_finding(rows: Vec<audit_finding_changes::Model>) -> BTreeMap<Uuid, Vec<audit_finding_changes::Model>> {
    let mut changes: BTreeMap<Uuid, Vec<_>> = BTreeMap::new();
    for row in rows {
        changes.entry(row.finding_id).or_default().push(row);
    }
    changes
}
