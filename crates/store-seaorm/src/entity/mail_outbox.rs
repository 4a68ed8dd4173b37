//! Rows of `mail_outbox`.

use sea_orm::entity::prelude::*;

use crate::encrypted::{Encrypted, MailContent};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mail_outbox")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) kind: String,
    pub(crate) request_id: String,
    pub(crate) content_ct: Encrypted<MailContent>,
    pub(crate) attempts: i64,
    pub(crate) due_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
