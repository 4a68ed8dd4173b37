//! Rows of `audit_exports`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_exports")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) sink: String,
    pub(crate) seq: Option<i64>,
    pub(crate) chain: Option<Vec<u8>>,
    pub(crate) format: String,
    pub(crate) updated_at: i64,
    pub(crate) problem: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
