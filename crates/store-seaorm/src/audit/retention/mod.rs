//! Holds, runs, and what may go, outside of transactions.

mod rows;
mod tx;

use std::collections::HashMap;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, QueryResult, Statement, Value};
use uuid::Uuid;
use vutf_audit::{
    GENESIS, Voucher,
    filter::ID_SKEW,
    leaf_hash,
    retention::{Candidate, Census, Facts, Hold, PruneRun, RetentionStore, RetentionTx},
};
use vutf_kernel::{EventId, OrganizationId, PortError, Timestamp, Units, UserId, id::uuid_v7_floor};

use self::rows::{CensusRow, FactsRow, HOLDS, HoldRow, Reference, RunRow};
use super::voucher::{has_key, voucher};
use crate::SeaStore;

/// Ids in one query: far below the parameters that SQLite allows.
const IDS: usize = 500;
/// Months for which room is made beyond the present one.
const AHEAD: i32 = 3;

const SCAN: &str = "SELECT l.seq, i.id, i.action, i.occurred_at, i.organization_id, i.actor_id FROM audit_intake i \
     JOIN audit_leaf l ON l.event_id = i.id WHERE i.id > $1 AND i.id < $2 AND i.occurred_at < $3 ORDER BY i.id LIMIT $4";

const CENSUS: &str = "SELECT action, COUNT(*) AS events, MIN(occurred_at) AS oldest FROM audit_intake GROUP BY action ORDER BY action";

/// By tenant, since the index begins with it.
const HOLD_EVENTS: &str = "SELECT i.id, i.body, i.mac, l.leaf_hash FROM organizations o JOIN audit_intake i ON i.organization_id = o.id \
     LEFT JOIN audit_leaf l ON l.event_id = i.id WHERE i.action IN ('audit.hold_place', 'audit.hold_release') AND i.outcome = 'success' ORDER BY i.id";

const RUNS: &str = "SELECT r.id, r.requested_at, r.requested_by_kind, r.requested_by, r.policy, e.ended_at, e.finding, \
     CAST(COALESCE((SELECT SUM(b.removed) FROM audit_prune_batch b WHERE b.run_id = r.id), 0) AS BIGINT) AS removed \
     FROM audit_prune_run r LEFT JOIN audit_prune_end e ON e.run_id = r.id";

impl SeaStore {
    async fn found<R: FromQueryResult>(
        &self,
        op: &'static str,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<R>, PortError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        self.read(op, |db| R::find_by_statement(statement).all(db)).await
    }

    /// Adds to each event whose data it touched.
    async fn name_subjects(&self, page: &mut [Facts]) -> Result<(), PortError> {
        let mut subjects: HashMap<Uuid, Vec<UserId>> = HashMap::new();
        for chunk in page.chunks(IDS) {
            let marks: Vec<String> = (1..=chunk.len()).map(|at| format!("${at}")).collect();
            let sql = format!(
                "SELECT event_id, subject_id FROM audit_subject_ref WHERE event_id IN ({})",
                marks.join(", ")
            );
            let ids = chunk.iter().map(|facts| facts.id.as_uuid().into()).collect();
            for row in self.found::<Reference>("retention.subjects", &sql, ids).await? {
                let of_event = subjects.entry(row.event_id).or_default();
                of_event.push(UserId::from_uuid(row.subject_id));
            }
        }
        for facts in page {
            facts.subjects = subjects.remove(&facts.id.as_uuid()).unwrap_or_default();
        }
        Ok(())
    }

    /// The body of an event about a hold that the service itself has written: whoever can insert rows could otherwise release
    /// what is held. Without a key, which only a service that has no database keys lacks, its place in the log must say so.
    fn vouched(&self, row: &QueryResult) -> Option<Vec<u8>> {
        let id: Uuid = row.try_get("", "id").ok()?;
        let body: Vec<u8> = row.try_get("", "body").ok()?;
        let mac: Vec<u8> = row.try_get("", "mac").ok()?;
        let keyring = &self.inner.keyring;
        let genuine = if has_key(keyring) {
            matches!(voucher(keyring, id, &body, &mac), Ok(Voucher::Service))
        } else {
            let placed: Option<Vec<u8>> = row.try_get("", "leaf_hash").ok()?;
            placed.is_some_and(|hash| hash == leaf_hash(&body))
        };
        genuine.then_some(body)
    }

    /// What a function of the database did, by name. SQLite has one table for all time.
    async fn months(
        &self,
        op: &'static str,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<String>, PortError> {
        if self.backend() != DbBackend::Postgres {
            return Ok(Vec::new());
        }
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.write(op, |db| db.query_all_raw(statement)).await?;
        Ok(rows
            .iter()
            .filter_map(|row| row.try_get("", "name").ok())
            .collect())
    }
}

#[async_trait]
impl Units<dyn RetentionTx> for SeaStore {
    async fn begin(&self) -> Result<Box<dyn RetentionTx>, PortError> {
        Ok(Box::new(self.begin_tx().await?))
    }

    async fn retry(&self, attempt: u32, error: &PortError) -> bool {
        self.retry_after(attempt, error).await
    }
}

#[async_trait]
impl RetentionStore for SeaStore {
    async fn scan(
        &self,
        after: Option<EventId>,
        before: Timestamp,
        limit: u32,
        with_subjects: bool,
    ) -> Result<Vec<Facts>, PortError> {
        let after = after.map_or(Uuid::nil(), |id| id.as_uuid());
        let values = vec![
            after.into(),
            uuid_v7_floor(before.plus(ID_SKEW)).into(),
            before.as_micros().into(),
            i64::from(limit).into(),
        ];
        let rows: Vec<FactsRow> = self.found("retention.scan", SCAN, values).await?;
        let mut page: Vec<Facts> = rows.into_iter().map(Facts::from).collect();
        if with_subjects {
            self.name_subjects(&mut page).await?;
        }
        Ok(page)
    }

    async fn candidates(&self, seqs: &[i64]) -> Result<Vec<Candidate>, PortError> {
        let entries = self.entries_at(seqs).await?;
        let before: Vec<i64> = seqs.iter().map(|seq| seq - 1).collect();
        let mut chains: HashMap<i64, [u8; 32]> = HashMap::from([(-1, GENESIS)]);
        for leaf in self.leaves_at(&before).await? {
            chains.insert(leaf.seq, leaf.chain);
        }
        let previous = |seq: i64| chains.get(&(seq - 1)).copied().unwrap_or_default();
        let candidate = |entry: vutf_audit::LogEntry| Candidate {
            previous: previous(entry.leaf.seq),
            entry,
        };
        Ok(entries.into_iter().map(candidate).collect())
    }

    async fn census(&self) -> Result<Vec<Census>, PortError> {
        let rows: Vec<CensusRow> = self.found("retention.census", CENSUS, vec![]).await?;
        Ok(rows.into_iter().map(Census::from).collect())
    }

    async fn holds(&self, placed_in: Option<OrganizationId>) -> Result<Vec<Hold>, PortError> {
        let (filter, values) = match placed_in {
            Some(tenant) => ("WHERE h.organization_id = $1", vec![tenant.as_uuid().into()]),
            None => ("", vec![]),
        };
        let sql = format!("{HOLDS} {filter} ORDER BY h.id");
        let rows: Vec<HoldRow> = self.found("retention.holds", &sql, values).await?;
        rows.into_iter().map(Hold::try_from).collect()
    }

    async fn hold_events(&self) -> Result<Vec<Vec<u8>>, PortError> {
        let statement = Statement::from_string(self.backend(), HOLD_EVENTS);
        let rows = self
            .read("retention.hold_events", |db| db.query_all_raw(statement))
            .await?;
        Ok(rows.iter().filter_map(|row| self.vouched(row)).collect())
    }

    async fn runs(&self, limit: u32) -> Result<Vec<PruneRun>, PortError> {
        let sql = format!("{RUNS} ORDER BY r.id DESC LIMIT $1");
        let rows: Vec<RunRow> = self
            .found("retention.runs", &sql, vec![i64::from(limit).into()])
            .await?;
        Ok(rows.into_iter().map(PruneRun::from).collect())
    }

    async fn open_run(&self) -> Result<Option<PruneRun>, PortError> {
        let sql = format!("{RUNS} WHERE e.run_id IS NULL ORDER BY r.id LIMIT 1");
        let rows: Vec<RunRow> = self.found("retention.open_run", &sql, vec![]).await?;
        Ok(rows.into_iter().next().map(PruneRun::from))
    }

    async fn make_months(&self, now: Timestamp) -> Result<Vec<String>, PortError> {
        let values = vec![now.as_micros().into(), AHEAD.into()];
        let sql = "SELECT vutf_make_months($1, $2) AS name";
        self.months("retention.make_months", sql, values).await
    }

    async fn drop_empty_months(&self) -> Result<Vec<String>, PortError> {
        let sql = "SELECT vutf_drop_empty_months() AS name";
        self.months("retention.drop_months", sql, vec![]).await
    }
}
