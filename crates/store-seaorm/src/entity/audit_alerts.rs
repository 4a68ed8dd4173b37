//! Rows of `audit_alerts`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_alerts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) finding_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) sink: String,
    pub(crate) organization_id: Uuid,
    pub(crate) attempts: i64,
    pub(crate) queued_at: i64,
    pub(crate) next_at: Option<i64>,
    pub(crate) tried_at: Option<i64>,
    pub(crate) problem: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
