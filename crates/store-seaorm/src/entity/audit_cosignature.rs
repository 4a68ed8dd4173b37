//! Rows of `audit_cosignature`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_cosignature")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) size: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) witness: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) key_id: i64,
    pub(crate) note: String,
    pub(crate) line: String,
    pub(crate) cosigned_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
