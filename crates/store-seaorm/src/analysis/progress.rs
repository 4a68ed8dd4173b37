//! How far the analysis has come. Its snapshot is under a MAC: whoever could write one could blind every rule. The cursor only
//! shows how far it is, and nothing goes on from it.

use sea_orm::{ConnectionTrait, EntityTrait, Statement, Value};
use vutf_audit::analysis::Progress;
use vutf_kernel::{OrganizationId, PortError, Timestamp};

use crate::{SeaStore, entity::audit_analysis, error::port, purposes::ANALYSIS, tx::Tx};

const ADVANCE: &str = "INSERT INTO audit_analysis (id, evaluated) VALUES (1, $1) \
     ON CONFLICT (id) DO UPDATE SET evaluated = excluded.evaluated";

const SAVE: &str = "INSERT INTO audit_analysis (id, evaluated, snapshot, saved_at, mac) VALUES (1, $1, $2, $3, $4) \
     ON CONFLICT (id) DO UPDATE SET evaluated = excluded.evaluated, snapshot = excluded.snapshot, \
     saved_at = excluded.saved_at, mac = excluded.mac";

impl SeaStore {
    pub(super) async fn analysis_progress(&self) -> Result<Progress, PortError> {
        let query = audit_analysis::Entity::find_by_id(1);
        let row = self.read("audit_analysis.find", |db| query.one(db)).await?;
        let Some(row) = row else {
            return Ok(Progress::NONE);
        };
        let is_own = match &row.snapshot {
            Some(snapshot) => self
                .inner
                .keyring
                .verify_mac(
                    OrganizationId::DEFAULT,
                    ANALYSIS,
                    &message(snapshot),
                    row.mac.as_deref().unwrap_or_default(),
                )
                .map_err(|error| error.into_port("audit_analysis.verify"))?,
            None => true,
        };
        Ok(Progress {
            cursor: row.evaluated,
            snapshot: row.snapshot.filter(|_| is_own),
            is_foreign: !is_own,
        })
    }

    /// The number of the last event that was evaluated; -1 before the first.
    pub async fn evaluated(&self) -> Result<i64, PortError> {
        use sea_orm::QuerySelect as _;
        let query = audit_analysis::Entity::find()
            .select_only()
            .column(audit_analysis::Column::Evaluated)
            .into_tuple::<i64>();
        let found = self.read("audit_analysis.evaluated", |db| query.one(db)).await?;
        Ok(found.unwrap_or(-1))
    }
}

impl Tx {
    pub(super) async fn advance_analysis(
        &mut self,
        cursor: i64,
        snapshot: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let statement = match snapshot {
            None => Statement::from_sql_and_values(self.backend, ADVANCE, [cursor.into()]),
            Some(snapshot) => {
                let mac = self
                    .keyring
                    .mac(OrganizationId::DEFAULT, ANALYSIS, &message(snapshot))
                    .map_err(|error| error.into_port("audit_analysis.mac"))?;
                let values: [Value; 4] = [
                    cursor.into(),
                    snapshot.to_vec().into(),
                    now.as_micros().into(),
                    mac.to_vec().into(),
                ];
                Statement::from_sql_and_values(self.backend, SAVE, values)
            }
        };
        let done = self.db.execute_raw(statement).await;
        done.map(|_| ()).map_err(port("audit_analysis.advance"))
    }
}

fn message(snapshot: &[u8]) -> Vec<u8> {
    [&b"vutf/analysis/snapshot/v1\0"[..], snapshot].concat()
}
