//! Rows of `crypto_keys`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "crypto_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) subject_id: Option<Uuid>,
    pub(crate) purpose: String,
    pub(crate) key_version: i64,
    pub(crate) algorithm: String,
    pub(crate) state: String,
    pub(crate) wrapped: Vec<u8>,
    pub(crate) wrapped_by: String,
    pub(crate) public_key: Option<Vec<u8>>,
    pub(crate) fingerprint: Vec<u8>,
    pub(crate) created_at: i64,
    pub(crate) activated_at: Option<i64>,
    pub(crate) state_changed_at: i64,
    pub(crate) not_after: Option<i64>,
    pub(crate) revision: i64,
    pub(crate) mac: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
