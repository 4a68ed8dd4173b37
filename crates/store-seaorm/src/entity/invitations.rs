//! Rows of `invitations`.

use sea_orm::entity::prelude::*;
use vutf_identity::Email;

use crate::encrypted::Encrypted;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) token_hash: Vec<u8>,
    pub(crate) email_ct: Encrypted<Email>,
    pub(crate) email_tag: Vec<u8>,
    pub(crate) roles: String,
    pub(crate) expires_at: i64,
    pub(crate) created_by: Option<Uuid>,
    pub(crate) created_at: i64,
    pub(crate) row_mac: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
