//! Backup codes: of each only its MAC, under a key of the registry.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use vutf_identity::mfa::BackupCode;
use vutf_kernel::{OrganizationId, PortError, Timestamp, UserId};

use crate::{
    entity::backup_codes::{ActiveModel, Column, Entity},
    error::port,
    purposes::BACKUP_CODES,
    row_mac::Message,
    tx::Tx,
};

impl Tx {
    pub(super) async fn insert_codes(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        codes: &[BackupCode],
        at: Timestamp,
    ) -> Result<(), PortError> {
        let mut rows = Vec::with_capacity(codes.len());
        for code in codes {
            let message = message(organization, user, code);
            let mac = self.keyring.mac(organization, BACKUP_CODES, message.bytes());
            let mac = mac.map_err(|error| error.into_port("backup_codes.mac"))?;
            rows.push(ActiveModel {
                user_id: Set(user.as_uuid()),
                code_mac: Set(mac.to_vec()),
                organization_id: Set(organization.as_uuid()),
                created_at: Set(at.as_micros()),
            });
        }
        Entity::insert_many(rows)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("backup_codes.insert"))
    }

    /// A user has ten rows at most, and each may be under an older key: all are compared, each in constant time. Which one it
    /// was is used up by the one statement that removes it.
    pub(super) async fn spend_code(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        code: &BackupCode,
    ) -> Result<bool, PortError> {
        let rows = Entity::find()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .all(&self.db)
            .await
            .map_err(port("backup_codes.find"))?;
        let message = message(organization, user, code);
        let mut found = None;
        for row in rows {
            let matches = self
                .keyring
                .verify_mac(organization, BACKUP_CODES, message.bytes(), &row.code_mac)
                .map_err(|error| error.into_port("backup_codes.verify"))?;
            if matches {
                found = Some(row.code_mac);
            }
        }
        let Some(mac) = found else { return Ok(false) };
        let done = Entity::delete_by_id((user.as_uuid(), mac))
            .exec(&self.db)
            .await
            .map_err(port("backup_codes.use"))?;
        Ok(done.rows_affected == 1)
    }

    pub(super) async fn count_codes(
        &self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<u64, PortError> {
        Entity::find()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .count(&self.db)
            .await
            .map_err(port("backup_codes.count"))
    }

    pub(super) async fn remove_codes(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<u64, PortError> {
        Entity::delete_many()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("backup_codes.remove"))
    }
}

/// Bound to the user: a row that is moved to another user is no code of theirs.
fn message(organization: OrganizationId, user: UserId, code: &BackupCode) -> Message {
    Message::new("vutf/backup-code/v1")
        .part(organization.as_bytes())
        .part(user.as_bytes())
        .part(code.expose())
}
