//! Who has which second factors, counted in one pass.

use async_trait::async_trait;
use sea_orm::{DatabaseConnection, FromQueryResult, Statement};
use vutf_identity::mfa::adoption::{Adoption, AdoptionReader};
use vutf_kernel::PortError;

use crate::SeaStore;

/// Understood by both databases.
const ADOPTION: &str = "SELECT t.totp, t.passkey, COUNT(*) AS persons FROM (SELECT \
     CASE WHEN EXISTS (SELECT 1 FROM totp_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL) THEN 1 ELSE 0 END AS totp, \
     CASE WHEN EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id) THEN 1 ELSE 0 END AS passkey \
     FROM users u WHERE u.kind = 'person' AND u.status = 'active' AND u.deleted_at IS NULL) t GROUP BY t.totp, t.passkey";

#[derive(FromQueryResult)]
struct Row {
    totp: i32,
    passkey: i32,
    persons: i64,
}

#[async_trait]
impl AdoptionReader for SeaStore {
    async fn adoption(&self) -> Result<Adoption, PortError> {
        let statement = Statement::from_string(self.backend(), ADOPTION);
        let rows = self
            .read("users.adoption", async |db: &DatabaseConnection| {
                Row::find_by_statement(statement.clone()).all(db).await
            })
            .await?;
        let mut adoption = Adoption::default();
        for row in rows {
            let place = match (row.totp, row.passkey) {
                (0, 0) => &mut adoption.none,
                (_, 0) => &mut adoption.totp,
                (0, _) => &mut adoption.passkey,
                _ => &mut adoption.both,
            };
            *place = u64::try_from(row.persons).unwrap_or(0);
        }
        Ok(adoption)
    }
}
