//! The outbox of alerts: what was sent leaves it, what was given up stays without a time.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;
use vutf_audit::analysis::{
    Detection,
    alert::{Attempt, Counts, QueuedAlert, Sink},
};
use vutf_kernel::{PortError, Timestamp};

use super::detection;
use crate::{
    SeaStore,
    entity::{
        audit_alerts::{ActiveModel, Column, Entity},
        audit_findings,
    },
    error::port,
    row::corrupt,
    tx::Tx,
};

impl SeaStore {
    pub(super) async fn alerts_due(&self, now: Timestamp, limit: u32) -> Result<Vec<QueuedAlert>, PortError> {
        let query = Entity::find()
            .filter(Column::NextAt.lte(now.as_micros()))
            .order_by_asc(Column::NextAt)
            .limit(u64::from(limit));
        let rows = self.read("audit_alerts.due", |db| query.all(db)).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.finding_id).collect();
        let of = audit_findings::Entity::find().filter(audit_findings::Column::Id.is_in(ids));
        let found = self.read("audit_alerts.findings", |db| of.all(db)).await?;
        let found: HashMap<Uuid, &audit_findings::Model> = found.iter().map(|row| (row.id, row)).collect();
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            let bad = |column, problem: &str| corrupt("audit_alerts", column, row.finding_id, problem);
            let finding = found.get(&row.finding_id);
            due.push(QueuedAlert {
                detection: detection(finding.ok_or_else(|| bad("finding_id", "there is no such finding"))?)?,
                sink: Sink::parse(&row.sink).ok_or_else(|| bad("sink", "unknown"))?,
                attempts: u32::try_from(row.attempts).map_err(|_| bad("attempts", "no count"))?,
                queued_at: Timestamp::from_micros(row.queued_at),
            });
        }
        Ok(due)
    }

    pub(super) async fn alerts_counted(&self) -> Result<Counts, PortError> {
        let all = Entity::find().filter(Column::NextAt.is_not_null());
        let parked = Entity::find().filter(Column::NextAt.is_null());
        Ok(Counts {
            pending: self.read("audit_alerts.pending", |db| all.count(db)).await?,
            parked: self.read("audit_alerts.parked", |db| parked.count(db)).await?,
        })
    }
}

impl Tx {
    pub(super) async fn queue_alerts(
        &mut self,
        detection: &Detection,
        sinks: &[Sink],
        at: Timestamp,
    ) -> Result<(), PortError> {
        if sinks.is_empty() {
            return Ok(());
        }
        let rows = sinks.iter().map(|sink| ActiveModel {
            finding_id: Set(detection.id.as_uuid()),
            sink: Set(sink.as_str().to_owned()),
            organization_id: Set(detection.organization_id.as_uuid()),
            attempts: Set(0),
            queued_at: Set(at.as_micros()),
            next_at: Set(Some(at.as_micros())),
            tried_at: Set(None),
            problem: Set(None),
        });
        Entity::insert_many(rows)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("audit_alerts.insert"))
    }

    pub(super) async fn settle_alert(
        &mut self,
        alert: &QueuedAlert,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let (next_at, reason) = match attempt {
            Attempt::Sent => {
                let sent = Entity::delete_many()
                    .filter(Column::FindingId.eq(alert.detection.id.as_uuid()))
                    .filter(Column::Sink.eq(alert.sink.as_str()));
                let done = sent.exec(&self.db).await;
                return done.map(|_| ()).map_err(port("audit_alerts.sent"));
            }
            Attempt::Again { at, reason } => (Some(at.as_micros()), reason),
            Attempt::Parked { reason } => (None, reason),
        };
        let tried = ActiveModel {
            attempts: Set(i64::from(alert.attempts) + 1),
            next_at: Set(next_at),
            tried_at: Set(Some(now.as_micros())),
            problem: Set(Some(reason.clone())),
            ..Default::default()
        };
        Entity::update_many()
            .set(tried)
            .filter(Column::FindingId.eq(alert.detection.id.as_uuid()))
            .filter(Column::Sink.eq(alert.sink.as_str()))
            .exec(&self.db)
            .await
            .map(|_| ())
            .map_err(port("audit_alerts.tried"))
    }
}
