//! How far each sink has come.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict,
};
use vutf_audit::{
    Anchor,
    export::{ExportStore, ExportTx, Position},
};
use vutf_kernel::{Fault, Lease, PortError, Timestamp};

use crate::{
    SeaStore,
    entity::audit_exports::{ActiveModel, Column, Entity, Model},
    error::port,
    row::{array, corrupt},
    tx::Tx,
};

#[async_trait]
impl ExportStore for SeaStore {
    async fn positions(&self) -> Result<Vec<Position>, PortError> {
        let query = Entity::find().order_by_asc(Column::Sink);
        let rows = self.read("audit_exports.list", |db| query.all(db)).await?;
        rows.into_iter().map(position).collect()
    }

    async fn position(&self, sink: &str) -> Result<Option<Position>, PortError> {
        let query = Entity::find_by_id(sink);
        let row = self.read("audit_exports.find", |db| query.one(db)).await?;
        row.map(position).transpose()
    }

    async fn begin_export(&self, lease: Option<&Lease>) -> Result<Box<dyn ExportTx>, PortError> {
        let tx = self.begin_tx().await?;
        if let Some(lease) = lease {
            tx.fence(&lease.name, lease).await?;
        }
        Ok(Box::new(tx))
    }
}

#[async_trait]
impl ExportTx for Tx {
    async fn keep(&mut self, before: Option<&Position>, now: &Position) -> Result<(), PortError> {
        let there = Entity::find_by_id(&now.sink)
            .lock_exclusive()
            .one(&self.db)
            .await
            .map_err(port("audit_exports.lock"))?;
        let there = there.map(position).transpose()?;
        if there.as_ref() != before {
            return Err(moved());
        }
        let written = if before.is_some() {
            let update = Entity::update_many()
                .set(row(now))
                .filter(Column::Sink.eq(&now.sink));
            let done = update.exec(&self.db).await;
            done.map(|done| done.rows_affected)
        } else {
            // Nobody holds a lock on a row that is not there: of two who insert it, one comes too late.
            let insert = Entity::insert(row(now))
                .on_conflict(OnConflict::column(Column::Sink).do_nothing().to_owned());
            insert.exec_without_returning(&self.db).await
        };
        match written.map_err(port("audit_exports.keep"))? {
            1 => Ok(()),
            _ => Err(moved()),
        }
    }
}

fn moved() -> PortError {
    PortError::new(
        "audit_exports.keep",
        Fault::Stale,
        "the position was moved meanwhile",
    )
}

fn row(position: &Position) -> ActiveModel {
    ActiveModel {
        sink: Set(position.sink.clone()),
        seq: Set(position.reached.map(|anchor| anchor.seq)),
        chain: Set(position.reached.map(|anchor| anchor.chain.to_vec())),
        format: Set(position.format.clone()),
        updated_at: Set(position.updated_at.as_micros()),
        problem: Set(position.problem.clone()),
    }
}

fn position(row: Model) -> Result<Position, PortError> {
    let reached = match (row.seq, &row.chain) {
        (Some(seq), Some(chain)) => Some(Anchor {
            seq,
            chain: array("audit_exports", "chain", &row.sink, chain)?,
        }),
        (None, None) => None,
        _ => {
            let problem = "a number without a hash, or a hash without a number";
            return Err(corrupt("audit_exports", "chain", &row.sink, problem));
        }
    };
    Ok(Position {
        sink: row.sink,
        reached,
        format: row.format,
        updated_at: Timestamp::from_micros(row.updated_at),
        problem: row.problem,
    })
}
