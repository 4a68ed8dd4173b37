//! Rows of `keysets`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "keysets")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) organization_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) purpose: String,
    pub(crate) minimum_version: i64,
    pub(crate) suspended_may_process: bool,
    pub(crate) cryptoperiod: Option<i64>,
    pub(crate) message_limit: Option<i64>,
    pub(crate) byte_limit: Option<i64>,
    pub(crate) revision: i64,
    pub(crate) updated_at: i64,
    pub(crate) authenticated_by: Uuid,
    pub(crate) mac: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
