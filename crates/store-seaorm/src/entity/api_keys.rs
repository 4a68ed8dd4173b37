//! Rows of `api_keys`.

use sea_orm::entity::prelude::*;
use vutf_identity::api_key::ApiKeyName;

use crate::encrypted::{Encrypted, Networks, Origin};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) lookup: String,
    pub(crate) secret_hash: Vec<u8>,
    pub(crate) name_ct: Encrypted<ApiKeyName>,
    pub(crate) scopes: String,
    pub(crate) networks_ct: Option<Encrypted<Networks>>,
    pub(crate) expires_at: i64,
    pub(crate) revoked_at: Option<i64>,
    pub(crate) successor_id: Option<Uuid>,
    pub(crate) last_used_at: Option<i64>,
    pub(crate) last_used_ip_ct: Option<Encrypted<Origin>>,
    pub(crate) row_mac: Option<Vec<u8>>,
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
