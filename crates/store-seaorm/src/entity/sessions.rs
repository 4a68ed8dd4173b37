//! Rows of `sessions`.

use sea_orm::entity::prelude::*;

use crate::encrypted::{Encrypted, Origin};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) epoch: i64,
    pub(crate) aal: String,
    pub(crate) amr: String,
    pub(crate) auth_time: i64,
    pub(crate) ip_ct: Option<Encrypted<Origin>>,
    pub(crate) user_agent_ct: Option<Encrypted<Origin>>,
    pub(crate) last_seen_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) idle_expires_at: Option<i64>,
    pub(crate) cookie_hash: Option<Vec<u8>>,
    pub(crate) network_tag: Option<Vec<u8>>,
    pub(crate) browser_tag: Option<Vec<u8>>,
    pub(crate) moved_at: Option<i64>,
    pub(crate) previous_login_at: Option<i64>,
    pub(crate) password_due_at: Option<i64>,
    pub(crate) revoked_at: Option<i64>,
    pub(crate) revoke_reason: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) created_by: Option<Uuid>,
    pub(crate) updated_at: i64,
    pub(crate) updated_by: Option<Uuid>,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) deleted_by: Option<Uuid>,
    pub(crate) version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
