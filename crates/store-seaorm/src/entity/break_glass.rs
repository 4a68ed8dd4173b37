//! Rows of `break_glass`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "break_glass")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) user_id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) secret_hash: Vec<u8>,
    pub(crate) sealed_at: i64,
    pub(crate) opened_at: Option<i64>,
    pub(crate) session_id: Option<Uuid>,
    pub(crate) row_mac: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
