//! What is lost with a key: counted before it may be destroyed.

use async_trait::async_trait;
use sea_orm::Value;
use vutf_crypto_keys::{
    KeyRecord, Live, LiveCiphertext, Purpose,
    job::{SealedRows as _, SealedTable, Wanted, indexed},
};
use vutf_kernel::{OrganizationId, PortError};

use crate::{SeaStore, error::port, sealed_columns::SEALED_TABLES};

/// Rows that only the tenant key authenticates: keys, destroyed ones included, and what stands beside them in the registry.
const BELOW_TENANT: &str = "SELECT (SELECT COUNT(*) FROM crypto_keys WHERE wrapped_by = $1) \
     + (SELECT COUNT(*) FROM keysets WHERE organization_id = $2 AND authenticated_by = $3) \
     + (SELECT COUNT(*) FROM key_usage WHERE organization_id = $2 AND authenticated_by = $3) \
     + (SELECT COUNT(*) FROM approvals WHERE organization_id = $2 AND authenticated_by = $3) AS n";

#[async_trait]
impl LiveCiphertext for SeaStore {
    async fn count(&self, key: &KeyRecord) -> Result<Live, PortError> {
        let organization = key.organization_id;
        match &key.purpose {
            // All tables, whatever the purpose says: what names the key is lost with it.
            Purpose::Field { .. } | Purpose::Subject { .. } => {
                let mut rows = 0;
                for table in &SEALED_TABLES {
                    rows += self.naming(organization, table, key).await?;
                }
                Ok(Live::Rows(rows))
            }
            Purpose::Index { table, column } => {
                if indexed(&SEALED_TABLES, &key.purpose).is_none() {
                    return Ok(Live::Unknown);
                }
                let sql = format!(
                    "SELECT COUNT(*) AS n FROM {table} WHERE organization_id = $1 AND {column}_bidx_ver = $2 \
                     AND {column}_bidx IS NOT NULL"
                );
                let values = vec![organization.as_uuid().into(), i64::from(key.version).into()];
                self.number(&sql, values).await.map(Live::Rows)
            }
            Purpose::Tenant => {
                let values = vec![
                    format!("tenant:{}", key.id).into(),
                    organization.as_uuid().into(),
                    key.id.as_uuid().into(),
                ];
                self.number(BELOW_TENANT, values).await.map(Live::Rows)
            }
            Purpose::TokenSigning
            | Purpose::CheckpointSigning
            | Purpose::Mac { .. }
            | Purpose::Service { .. } => Ok(Live::Unknown),
        }
    }
}

impl SeaStore {
    async fn naming(
        &self,
        organization_id: OrganizationId,
        table: &SealedTable,
        key: &KeyRecord,
    ) -> Result<u64, PortError> {
        let wanted = Wanted {
            organization_id,
            table,
            subject: None,
            keys: std::slice::from_ref(&key.id),
        };
        let (mut rows, mut after) = (0, None);
        loop {
            let (found, reached) = self.count_under(wanted, after).await?;
            rows += found;
            after = reached;
            if after.is_none() {
                return Ok(rows);
            }
        }
    }

    pub(super) async fn number(&self, sql: &str, values: Vec<Value>) -> Result<u64, PortError> {
        let rows = self.query(sql, values).await?;
        let count: i64 = match rows.first() {
            Some(row) => row.try_get("", "n").map_err(port("sealed.count"))?,
            None => 0,
        };
        u64::try_from(count).map_err(|error| PortError::other("sealed.count", error))
    }
}
