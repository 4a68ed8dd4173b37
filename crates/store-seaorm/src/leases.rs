//! Leases for work that only one replica may do at a time.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect, Statement, Value,
};
use uuid::Uuid;
use vutf_kernel::{Fault, Lease, Leases, PortError, Timestamp};

use crate::{SeaStore, entity::leases, error::port, tx::Tx};

/// Takes a free or expired lease, or renews one's own; every change of holder raises the epoch.
const ACQUIRE: &str = "INSERT INTO leases (name, holder, epoch, expires_at) VALUES ($1, $2, 1, $3) \
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at, \
     epoch = CASE WHEN leases.holder = excluded.holder THEN leases.epoch ELSE leases.epoch + 1 END \
     WHERE leases.holder = excluded.holder OR leases.expires_at <= $4 RETURNING epoch";

#[derive(FromQueryResult)]
struct Epoch {
    epoch: i64,
}

#[async_trait]
impl Leases for SeaStore {
    async fn acquire(
        &self,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Lease>, PortError> {
        let expires_at = now.plus(ttl);
        let values: [Value; 4] = [
            name.into(),
            holder.into(),
            expires_at.as_micros().into(),
            now.as_micros().into(),
        ];
        let statement = Statement::from_sql_and_values(self.backend(), ACQUIRE, values);
        let granted = self
            .write("lease.acquire", |db| Epoch::find_by_statement(statement).one(db))
            .await?;
        Ok(granted.map(|row| Lease {
            name: name.to_owned(),
            holder,
            epoch: row.epoch,
            expires_at,
        }))
    }

    async fn release(&self, lease: &Lease) -> Result<(), PortError> {
        let expired = leases::ActiveModel {
            expires_at: Set(0),
            ..Default::default()
        };
        let give_back = leases::Entity::update_many()
            .set(expired)
            .filter(leases::Column::Name.eq(&lease.name))
            .filter(leases::Column::Holder.eq(lease.holder))
            .filter(leases::Column::Epoch.eq(lease.epoch));
        self.write("lease.release", |db| give_back.exec(db))
            .await
            .map(|_| ())
    }
}

impl Tx {
    /// The lock on the lease's row is held until the commit: nobody can overtake while the transaction is under way.
    pub(crate) async fn fence(&self, name: &str, lease: &Lease) -> Result<(), PortError> {
        let held = leases::Entity::find_by_id(name)
            .lock_exclusive()
            .one(&self.db)
            .await
            .map_err(port("lease.fence"))?
            .is_some_and(|row| {
                row.name == lease.name && row.holder == lease.holder && row.epoch == lease.epoch
            });
        if held {
            return Ok(());
        }
        let cause = "the lease was taken over";
        Err(PortError::new("lease.fence", Fault::Stale, cause))
    }
}
