//! What time the database has.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use vutf_kernel::{PortError, Timestamp};

use crate::{SeaStore, error::port};

impl SeaStore {
    /// The database server's time, to compare with one's own. SQLite has no clock but this machine's.
    pub async fn server_time(&self) -> Result<Timestamp, PortError> {
        if self.backend() != DbBackend::Postgres {
            return Ok(self.inner.ambient.now());
        }
        let sql = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint AS t";
        let row = self
            .read("database.time", |db| {
                db.query_one_raw(Statement::from_string(self.backend(), sql))
            })
            .await?;
        let micros = row
            .ok_or_else(|| PortError::other("database.time", "no row"))?
            .try_get("", "t")
            .map_err(port("database.time"))?;
        Ok(Timestamp::from_micros(micros))
    }
}
