//! From a request to its row, and back; and the lines of a key's history, which hold the same kind of reason.

use sea_orm::ActiveValue::Set;
use uuid::Uuid;
use vutf_crypto_keys::{Approval, Reason, Transition, UnknownText};
use vutf_kernel::{ApprovalId, EventId, KeyId, OrganizationId, PortError, Timestamp};

use super::whole;
use crate::{
    entity::{approvals, key_transitions},
    row::{array, corrupt},
};

const APPROVALS: &str = "approvals";
const TRANSITIONS: &str = "key_transitions";

pub(super) fn approval_row(approval: &Approval) -> Result<approvals::ActiveModel, PortError> {
    const OP: &str = "approvals.write";
    Ok(approvals::ActiveModel {
        id: Set(approval.id.as_uuid()),
        organization_id: Set(approval.organization_id.as_uuid()),
        action: Set(approval.action.clone()),
        subject_id: Set(approval.subject_id),
        subject_revision: Set(whole(OP, approval.subject_revision)?),
        reason: Set(approval.reason.code().to_string()),
        note: Set(approval.reason.note().map(str::to_owned)),
        requested_by: Set(approval.requested_by.to_string()),
        requested_at: Set(approval.requested_at.as_micros()),
        expires_at: Set(approval.expires_at.as_micros()),
        state: Set(approval.state.to_string()),
        decided_by: Set(approval.decided_by.map(|person| person.to_string())),
        decided_at: Set(approval.decided_at.map(Timestamp::as_micros)),
        revision: Set(whole(OP, approval.revision)?),
        authenticated_by: Set(approval.authenticated_by.as_uuid()),
        mac: Set(approval.mac.to_vec()),
    })
}

pub(super) fn approval(row: approvals::Model) -> Result<Approval, PortError> {
    let bad = |column: &'static str| {
        let id = row.id;
        move |problem: UnknownText| corrupt(APPROVALS, column, id, problem)
    };
    let unsigned = |column, number: i64| {
        u64::try_from(number).map_err(|problem| corrupt(APPROVALS, column, row.id, problem))
    };
    let decided_by = row.decided_by.as_deref().map(str::parse).transpose();
    Ok(Approval {
        id: ApprovalId::from_uuid(row.id),
        organization_id: OrganizationId::from_uuid(row.organization_id),
        subject_id: row.subject_id,
        subject_revision: unsigned("subject_revision", row.subject_revision)?,
        reason: reason(APPROVALS, row.id, &row.reason, row.note.as_deref())?,
        requested_by: row.requested_by.parse().map_err(bad("requested_by"))?,
        requested_at: Timestamp::from_micros(row.requested_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        state: row.state.parse().map_err(bad("state"))?,
        decided_by: decided_by.map_err(bad("decided_by"))?,
        decided_at: row.decided_at.map(Timestamp::from_micros),
        revision: unsigned("revision", row.revision)?,
        authenticated_by: KeyId::from_uuid(row.authenticated_by),
        mac: array(APPROVALS, "mac", row.id, &row.mac)?,
        action: row.action,
    })
}

pub(super) fn transition_row(line: &Transition) -> Result<key_transitions::ActiveModel, PortError> {
    Ok(key_transitions::ActiveModel {
        key_id: Set(line.key_id.as_uuid()),
        revision: Set(whole("transitions.write", line.revision)?),
        organization_id: Set(line.organization_id.as_uuid()),
        from_state: Set(line.from.map(|state| state.to_string())),
        to_state: Set(line.to.to_string()),
        occurred_at: Set(line.at.as_micros()),
        actor_kind: Set(line.actor_kind.clone()),
        actor_id: Set(line.actor_id),
        reason: Set(line.reason.code().to_string()),
        note: Set(line.reason.note().map(str::to_owned)),
        event_id: Set(line.event_id.as_uuid()),
    })
}

pub(super) fn transition(row: key_transitions::Model) -> Result<Transition, PortError> {
    let bad = |column: &'static str| {
        let id = row.key_id;
        move |problem: UnknownText| corrupt(TRANSITIONS, column, id, problem)
    };
    let from = row.from_state.as_deref().map(str::parse).transpose();
    Ok(Transition {
        key_id: KeyId::from_uuid(row.key_id),
        organization_id: OrganizationId::from_uuid(row.organization_id),
        revision: u64::try_from(row.revision)
            .map_err(|problem| corrupt(TRANSITIONS, "revision", row.key_id, problem))?,
        from: from.map_err(bad("from_state"))?,
        to: row.to_state.parse().map_err(bad("to_state"))?,
        at: Timestamp::from_micros(row.occurred_at),
        reason: reason(TRANSITIONS, row.key_id, &row.reason, row.note.as_deref())?,
        actor_kind: row.actor_kind,
        actor_id: row.actor_id,
        event_id: EventId::from_uuid(row.event_id),
    })
}

fn reason(table: &'static str, id: Uuid, code: &str, note: Option<&str>) -> Result<Reason, PortError> {
    let code = code
        .parse()
        .map_err(|problem: UnknownText| corrupt(table, "reason", id, problem))?;
    Reason::new(code, note).map_err(|problem| corrupt(table, "note", id, problem))
}
