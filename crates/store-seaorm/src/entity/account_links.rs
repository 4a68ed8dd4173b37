//! Rows of `account_links`.

use sea_orm::entity::prelude::*;
use vutf_identity::Email;

use crate::encrypted::Encrypted;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_links")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) purpose: String,
    pub(crate) link_hash: Vec<u8>,
    pub(crate) address_ct: Encrypted<Email>,
    pub(crate) expires_at: i64,
    pub(crate) created_at: i64,
    pub(crate) row_mac: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
