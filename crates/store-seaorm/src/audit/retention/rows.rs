//! Rows of the tables of retention, and what they mean.

use sea_orm::FromQueryResult;
use uuid::Uuid;
use vutf_audit::retention::{Census, Doer, EventClass, Facts, Hold, HoldReason, HoldScope, PruneRun, RunEnd};
use vutf_kernel::{EventId, HoldId, OrganizationId, PortError, PruneRunId, Timestamp, UserId};

use crate::row::corrupt;

/// Holds with their release, if there is one.
pub(super) const HOLDS: &str = "SELECT h.id, h.organization_id, h.reason, h.of_organization, h.of_subject, h.of_actor, h.of_class, \
     h.from_at, h.until_at, h.placed_at, h.placed_by_kind, h.placed_by, r.released_at, r.released_by_kind, r.released_by \
     FROM audit_hold h LEFT JOIN audit_hold_release r ON r.hold_id = h.id";

#[derive(FromQueryResult)]
pub(super) struct FactsRow {
    seq: i64,
    id: Uuid,
    action: String,
    occurred_at: i64,
    organization_id: Uuid,
    actor_id: Option<Uuid>,
}

impl From<FactsRow> for Facts {
    fn from(row: FactsRow) -> Self {
        Self {
            id: EventId::from_uuid(row.id),
            seq: row.seq,
            action: row.action,
            occurred_at: Timestamp::from_micros(row.occurred_at),
            organization_id: OrganizationId::from_uuid(row.organization_id),
            actor_id: row.actor_id,
            subjects: Vec::new(),
        }
    }
}

#[derive(FromQueryResult)]
pub(super) struct Reference {
    pub(super) event_id: Uuid,
    pub(super) subject_id: Uuid,
}

#[derive(FromQueryResult)]
pub(super) struct CensusRow {
    action: String,
    events: i64,
    oldest: i64,
}

impl From<CensusRow> for Census {
    fn from(row: CensusRow) -> Self {
        Self {
            action: row.action,
            count: u64::try_from(row.events).unwrap_or_default(),
            oldest: Timestamp::from_micros(row.oldest),
        }
    }
}

#[derive(FromQueryResult)]
pub(super) struct RunRow {
    id: Uuid,
    requested_at: i64,
    requested_by_kind: String,
    requested_by: Option<Uuid>,
    policy: String,
    ended_at: Option<i64>,
    finding: Option<String>,
    removed: i64,
}

impl From<RunRow> for PruneRun {
    fn from(row: RunRow) -> Self {
        let finding = row.finding;
        Self {
            id: PruneRunId::from_uuid(row.id),
            requested_at: Timestamp::from_micros(row.requested_at),
            requested_by: doer(row.requested_by_kind, row.requested_by),
            policy: row.policy,
            removed: u64::try_from(row.removed).unwrap_or_default(),
            end: row.ended_at.map(|at| RunEnd {
                at: Timestamp::from_micros(at),
                finding,
            }),
        }
    }
}

#[derive(FromQueryResult)]
pub(super) struct HoldRow {
    id: Uuid,
    organization_id: Uuid,
    reason: String,
    of_organization: Option<Uuid>,
    of_subject: Option<Uuid>,
    of_actor: Option<Uuid>,
    of_class: Option<String>,
    from_at: Option<i64>,
    until_at: Option<i64>,
    placed_at: i64,
    placed_by_kind: String,
    placed_by: Option<Uuid>,
    released_at: Option<i64>,
    released_by_kind: Option<String>,
    released_by: Option<Uuid>,
}

impl TryFrom<HoldRow> for Hold {
    type Error = PortError;

    /// What cannot be read must not count as no hold.
    fn try_from(row: HoldRow) -> Result<Self, PortError> {
        let unknown = |column: &'static str| {
            corrupt(
                "audit_hold",
                column,
                row.id,
                "no version of this program wrote it",
            )
        };
        let class = match &row.of_class {
            None => None,
            Some(name) => Some(EventClass::named(name).ok_or_else(|| unknown("of_class"))?),
        };
        let reason = HoldReason::parse(&row.reason).ok_or_else(|| unknown("reason"))?;
        let released_by = doer(row.released_by_kind.unwrap_or_default(), row.released_by);
        Ok(Self {
            id: HoldId::from_uuid(row.id),
            placed_in: OrganizationId::from_uuid(row.organization_id),
            reason,
            scope: HoldScope {
                organization_id: row.of_organization.map(OrganizationId::from_uuid),
                subject: row.of_subject.map(UserId::from_uuid),
                actor: row.of_actor.map(UserId::from_uuid),
                class,
                from: row.from_at.map(Timestamp::from_micros),
                until: row.until_at.map(Timestamp::from_micros),
            },
            placed_at: Timestamp::from_micros(row.placed_at),
            placed_by: doer(row.placed_by_kind, row.placed_by),
            released: row
                .released_at
                .map(|at| (Timestamp::from_micros(at), released_by)),
        })
    }
}

fn doer(kind: String, user: Option<Uuid>) -> Doer {
    Doer {
        kind,
        user: user.map(UserId::from_uuid),
    }
}
