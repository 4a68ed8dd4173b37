//! Rows of `approvals`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approvals")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) action: String,
    pub(crate) subject_id: Uuid,
    pub(crate) subject_revision: i64,
    pub(crate) reason: String,
    pub(crate) note: Option<String>,
    pub(crate) requested_by: String,
    pub(crate) requested_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) state: String,
    pub(crate) decided_by: Option<String>,
    pub(crate) decided_at: Option<i64>,
    pub(crate) revision: i64,
    pub(crate) authenticated_by: Uuid,
    pub(crate) mac: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
