//! Rows of `audit_rules`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_rules")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) organization_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) rule: String,
    pub(crate) enabled: Option<bool>,
    pub(crate) overrides: String,
    pub(crate) silent_until: Option<i64>,
    pub(crate) silence_reason: Option<String>,
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
