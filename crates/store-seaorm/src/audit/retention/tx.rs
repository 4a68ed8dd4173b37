//! Changes of retention, each in the transaction of its event.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement, Value};
use vutf_audit::{
    SignedCheckpoint,
    retention::{Doer, Hold, LEASE, PruneRun, Removal, RetentionTx, RunEnd},
};
use vutf_kernel::{
    EventId, EventSink, HoldId, Lease, OrganizationId, PortError, PruneRunId, Timestamp, UserId,
};

use super::rows::{HOLDS, HoldRow};
use crate::{audit::tree, error::port, tx::Tx};

const ADD_HOLD: &str = "INSERT INTO audit_hold (id, organization_id, reason, of_organization, of_subject, of_actor, of_class, \
     from_at, until_at, placed_at, placed_by_kind, placed_by, event_id) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
const RELEASE_HOLD: &str = "INSERT INTO audit_hold_release (hold_id, released_at, released_by_kind, released_by, event_id) \
     VALUES ($1, $2, $3, $4, $5)";
const ADD_RUN: &str = "INSERT INTO audit_prune_run (id, requested_at, requested_by_kind, requested_by, policy, event_id) \
     VALUES ($1, $2, $3, $4, $5, $6)";
const END_RUN: &str = "INSERT INTO audit_prune_end (run_id, ended_at, finding) VALUES ($1, $2, $3)";
const ADD_BATCH: &str = "INSERT INTO audit_prune_batch (event_id, run_id, class, cutoff, removed, pruned_at) \
     VALUES ($1, $2, $3, $4, $5, $6)";
/// Rows in one INSERT: one parameter each.
const INSERT_ROWS: usize = 500;

/// SQLite has no roles: the triggers judge, and nothing else stands between.
const PRUNE_SQLITE: &str = "DELETE FROM audit_intake WHERE id IN \
     (SELECT l.event_id FROM audit_pruned p JOIN audit_leaf l ON l.seq = p.seq WHERE p.event_id = $1)";
const PRUNE_REFERENCES_SQLITE: &str = "DELETE FROM audit_subject_ref WHERE event_id IN \
     (SELECT l.event_id FROM audit_pruned p JOIN audit_leaf l ON l.seq = p.seq WHERE p.event_id = $1)";
const PRUNE: &str = "SELECT vutf_prune($1) AS removed";

impl Tx {
    async fn change(&self, op: &'static str, sql: &str, values: Vec<Value>) -> Result<u64, PortError> {
        let statement = Statement::from_sql_and_values(self.backend, sql, values);
        let done = self.db.execute_raw(statement).await.map_err(port(op))?;
        Ok(done.rows_affected())
    }

    async fn prune(&self, event: EventId) -> Result<u64, PortError> {
        const OP: &str = "retention.prune";
        let id = || vec![event.as_uuid().into()];
        if self.backend != DbBackend::Postgres {
            let removed = self.change(OP, PRUNE_SQLITE, id()).await?;
            self.change(OP, PRUNE_REFERENCES_SQLITE, id()).await?;
            return Ok(removed);
        }
        let statement = Statement::from_sql_and_values(self.backend, PRUNE, id());
        let row = self.db.query_one_raw(statement).await.map_err(port(OP))?;
        let removed: Option<i64> = row.and_then(|row| row.try_get("", "removed").ok());
        Ok(removed
            .and_then(|removed| u64::try_from(removed).ok())
            .unwrap_or_default())
    }
}

fn person(user: Option<UserId>) -> Value {
    user.map(|user| user.as_uuid()).into()
}

fn counted(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

#[async_trait]
impl RetentionTx for Tx {
    fn log(&mut self) -> &mut dyn EventSink {
        self
    }

    async fn fence(&mut self, lease: &Lease) -> Result<(), PortError> {
        Tx::fence(self, LEASE, lease).await
    }

    async fn checkpoint(&mut self) -> Result<Option<SignedCheckpoint>, PortError> {
        tree::latest(&self.db).await.map_err(port("audit.latest"))
    }

    async fn add_hold(&mut self, hold: &Hold, event: EventId) -> Result<(), PortError> {
        let scope = &hold.scope;
        let values = vec![
            hold.id.as_uuid().into(),
            hold.placed_in.as_uuid().into(),
            hold.reason.as_str().into(),
            scope.organization_id.map(|id| id.as_uuid()).into(),
            person(scope.subject),
            person(scope.actor),
            scope.class.map(|class| class.name.to_owned()).into(),
            scope.from.map(Timestamp::as_micros).into(),
            scope.until.map(Timestamp::as_micros).into(),
            hold.placed_at.as_micros().into(),
            hold.placed_by.kind.as_str().into(),
            person(hold.placed_by.user),
            event.as_uuid().into(),
        ];
        self.change("retention.hold", ADD_HOLD, values).await.map(|_| ())
    }

    async fn find_hold(&mut self, placed_in: OrganizationId, id: HoldId) -> Result<Option<Hold>, PortError> {
        let sql = format!("{HOLDS} WHERE h.organization_id = $1 AND h.id = $2");
        let values = [placed_in.as_uuid().into(), id.as_uuid().into()];
        let statement = Statement::from_sql_and_values(self.backend, sql, values);
        let row = HoldRow::find_by_statement(statement).one(&self.db).await;
        row.map_err(port("retention.find_hold"))?
            .map(Hold::try_from)
            .transpose()
    }

    async fn release_hold(
        &mut self,
        id: HoldId,
        at: Timestamp,
        by: &Doer,
        event: EventId,
    ) -> Result<(), PortError> {
        let values = vec![
            id.as_uuid().into(),
            at.as_micros().into(),
            by.kind.as_str().into(),
            person(by.user),
            event.as_uuid().into(),
        ];
        self.change("retention.release", RELEASE_HOLD, values)
            .await
            .map(|_| ())
    }

    async fn add_run(&mut self, run: &PruneRun, event: EventId) -> Result<(), PortError> {
        let values = vec![
            run.id.as_uuid().into(),
            run.requested_at.as_micros().into(),
            run.requested_by.kind.as_str().into(),
            person(run.requested_by.user),
            run.policy.as_str().into(),
            event.as_uuid().into(),
        ];
        self.change("retention.run", ADD_RUN, values).await.map(|_| ())
    }

    async fn end_run(&mut self, id: PruneRunId, end: &RunEnd) -> Result<(), PortError> {
        let values = vec![
            id.as_uuid().into(),
            end.at.as_micros().into(),
            end.finding.clone().into(),
        ];
        self.change("retention.end", END_RUN, values).await.map(|_| ())
    }

    async fn remove(&mut self, event: EventId, removal: &Removal, now: Timestamp) -> Result<(), PortError> {
        let values = vec![
            event.as_uuid().into(),
            removal.run.as_uuid().into(),
            removal.class.as_str().into(),
            removal.cutoff.as_micros().into(),
            counted(removal.seqs.count()),
            now.as_micros().into(),
        ];
        self.change("retention.batch", ADD_BATCH, values).await?;
        let seqs: Vec<i64> = removal
            .seqs
            .ranges()
            .flat_map(|(first, last)| first..=last)
            .collect();
        for seqs in seqs.chunks(INSERT_ROWS) {
            let rows: Vec<String> = (2..seqs.len() + 2).map(|at| format!("(${at}, $1)")).collect();
            let sql = format!(
                "INSERT INTO audit_pruned (seq, event_id) VALUES {}",
                rows.join(", ")
            );
            let values = std::iter::once(event.as_uuid().into()).chain(seqs.iter().map(|seq| (*seq).into()));
            self.change("retention.name", &sql, values.collect()).await?;
        }
        let removed = self.prune(event).await?;
        if removed == removal.seqs.count() {
            return Ok(());
        }
        let cause = format!("{removed} of {} events were there", removal.seqs.count());
        Err(PortError::other("retention.prune", cause))
    }
}
