//! Rows of `key_jobs`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "key_jobs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) kind: String,
    pub(crate) purpose: String,
    pub(crate) state: String,
    pub(crate) rows_per_second: Option<i64>,
    pub(crate) cursor: Vec<u8>,
    pub(crate) pass_number: i64,
    pub(crate) pass_started_at: Option<i64>,
    pub(crate) pass_found: i64,
    pub(crate) pass_stuck: i64,
    pub(crate) rows_done: i64,
    pub(crate) rows_skipped: i64,
    pub(crate) rows_total: i64,
    pub(crate) error: Option<String>,
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
