//! Refresh-token families.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use vutf_identity::{
    refresh::{RefreshFamily, RefreshToken, TokenHash},
    repo::RefreshRepo,
};
use vutf_kernel::{FamilyId, OrganizationId, PortError, SessionId, Timestamp, UserId};

use super::{micros, set_stamps, stamps_of};
use crate::{
    entity::{refresh_families, refresh_tokens},
    error::port,
    row::array,
    tx::Tx,
};

#[async_trait]
impl RefreshRepo for Tx {
    async fn insert_family(&mut self, family: &RefreshFamily, first: &RefreshToken) -> Result<(), PortError> {
        refresh_families::Entity::insert(family_row(family))
            .exec_without_returning(&self.db)
            .await
            .map_err(port("refresh.insert_family"))?;
        self.insert_token(family.organization_id, first).await
    }

    async fn find(&mut self, hash: &TokenHash) -> Result<Option<(RefreshToken, RefreshFamily)>, PortError> {
        // One statement: between two, another caller's rotation could commit, and its family would make an unspent token
        // look like a replayed one.
        let to_family = refresh_tokens::Entity::belongs_to(refresh_families::Entity)
            .from(refresh_tokens::Column::FamilyId)
            .to(refresh_families::Column::Id)
            .into();
        let found = refresh_tokens::Entity::find_by_id(hash.0.to_vec())
            .join(JoinType::InnerJoin, to_family)
            .select_also(refresh_families::Entity)
            .one(&self.db)
            .await
            .map_err(port("refresh.find"))?;
        match found {
            Some((token, Some(family))) => Ok(Some((token_of(token)?, family_of(&family)))),
            _ => Ok(None),
        }
    }

    async fn rotate(
        &mut self,
        family: &RefreshFamily,
        spent: &RefreshToken,
        next: &RefreshToken,
        idle_expires_at: Timestamp,
    ) -> Result<bool, PortError> {
        let change = refresh_families::ActiveModel {
            generation: Set(next.generation),
            idle_expires_at: Set(idle_expires_at.as_micros()),
            updated_at: Set(next.created_at.as_micros()),
            ..Default::default()
        };
        let moved = refresh_families::Entity::update_many()
            .set(change)
            .col_expr(
                refresh_families::Column::Version,
                Expr::col(refresh_families::Column::Version).add(1),
            )
            .filter(refresh_families::Column::Id.eq(family.id.as_uuid()))
            .filter(refresh_families::Column::Generation.eq(family.generation))
            .filter(refresh_families::Column::RevokedAt.is_null())
            .exec(&self.db)
            .await
            .map_err(port("refresh.advance"))?;
        if moved.rows_affected != 1 {
            return Ok(false);
        }
        let used = refresh_tokens::ActiveModel {
            used_at: micros(spent.used_at),
            successor_ct: Set(spent.successor.clone()),
            ..Default::default()
        };
        refresh_tokens::Entity::update_many()
            .set(used)
            .filter(refresh_tokens::Column::TokenHash.eq(spent.hash.0.to_vec()))
            .exec(&self.db)
            .await
            .map_err(port("refresh.spend"))?;
        self.insert_token(family.organization_id, next).await?;
        Ok(true)
    }

    async fn revoke_family(&mut self, id: FamilyId, at: Timestamp) -> Result<bool, PortError> {
        self.end_families(refresh_families::Column::Id, id.as_uuid(), at)
            .await
            .map(|ended| ended == 1)
    }

    async fn revoke_of_session(&mut self, session: SessionId, at: Timestamp) -> Result<(), PortError> {
        self.end_families(refresh_families::Column::SessionId, session.as_uuid(), at)
            .await
            .map(|_| ())
    }
}

impl Tx {
    async fn insert_token(
        &mut self,
        organization: OrganizationId,
        token: &RefreshToken,
    ) -> Result<(), PortError> {
        let row = refresh_tokens::ActiveModel {
            token_hash: Set(token.hash.0.to_vec()),
            organization_id: Set(organization.as_uuid()),
            family_id: Set(token.family_id.as_uuid()),
            generation: Set(token.generation),
            used_at: micros(token.used_at),
            successor_ct: Set(token.successor.clone()),
            created_at: Set(token.created_at.as_micros()),
        };
        refresh_tokens::Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("refresh.insert_token"))
    }

    async fn end_families(
        &mut self,
        by: refresh_families::Column,
        id: uuid::Uuid,
        at: Timestamp,
    ) -> Result<u64, PortError> {
        let change = refresh_families::ActiveModel {
            revoked_at: micros(Some(at)),
            updated_at: Set(at.as_micros()),
            ..Default::default()
        };
        let done = refresh_families::Entity::update_many()
            .set(change)
            .col_expr(
                refresh_families::Column::Version,
                Expr::col(refresh_families::Column::Version).add(1),
            )
            .filter(by.eq(id))
            .filter(refresh_families::Column::RevokedAt.is_null())
            .exec(&self.db)
            .await
            .map_err(port("refresh.revoke"))?;
        Ok(done.rows_affected)
    }
}

fn family_row(family: &RefreshFamily) -> refresh_families::ActiveModel {
    let mut row = refresh_families::ActiveModel {
        id: Set(family.id.as_uuid()),
        organization_id: Set(family.organization_id.as_uuid()),
        session_id: Set(family.session_id.as_uuid()),
        user_id: Set(family.user_id.as_uuid()),
        generation: Set(family.generation),
        idle_expires_at: Set(family.idle_expires_at.as_micros()),
        expires_at: Set(family.expires_at.as_micros()),
        revoked_at: micros(family.revoked_at),
        ..Default::default()
    };
    set_stamps!(row, &family.stamps);
    row
}

fn family_of(row: &refresh_families::Model) -> RefreshFamily {
    RefreshFamily {
        id: FamilyId::from_uuid(row.id),
        organization_id: OrganizationId::from_uuid(row.organization_id),
        session_id: SessionId::from_uuid(row.session_id),
        user_id: UserId::from_uuid(row.user_id),
        generation: row.generation,
        idle_expires_at: Timestamp::from_micros(row.idle_expires_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
        stamps: stamps_of!(row),
    }
}

fn token_of(row: refresh_tokens::Model) -> Result<RefreshToken, PortError> {
    Ok(RefreshToken {
        hash: TokenHash(array(
            "refresh_tokens",
            "token_hash",
            row.family_id,
            &row.token_hash,
        )?),
        family_id: FamilyId::from_uuid(row.family_id),
        generation: row.generation,
        used_at: row.used_at.map(Timestamp::from_micros),
        successor: row.successor_ct,
        created_at: Timestamp::from_micros(row.created_at),
    })
}
