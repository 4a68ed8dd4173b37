//! Rows of `login_guards`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "login_guards")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) organization_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) account: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) authenticator: String,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) failures: i64,
    pub(crate) blocked_until: Option<i64>,
    pub(crate) updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
