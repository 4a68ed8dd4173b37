//! Rows of `audit_intake`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_intake")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) ord: i64,
    pub(crate) xid: i64,
    pub(crate) id: Uuid,
    pub(crate) occurred_at: i64,
    pub(crate) organization_id: Uuid,
    pub(crate) request_id: String,
    pub(crate) actor_kind: String,
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) action: String,
    pub(crate) resource_kind: String,
    pub(crate) resource_id: Option<Uuid>,
    pub(crate) outcome: String,
    pub(crate) body: Vec<u8>,
    pub(crate) parts: Vec<u8>,
    pub(crate) mac: Vec<u8>,
    pub(crate) reason: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
