//! Rows of `users`.

use sea_orm::entity::prelude::*;
use vutf_identity::{DisplayName, Email, Phone, Username};

use crate::encrypted::Encrypted;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) kind: String,
    pub(crate) username_ct: Option<Encrypted<Username>>,
    pub(crate) username_bidx: Option<Vec<u8>>,
    pub(crate) username_bidx_ver: Option<i64>,
    pub(crate) email_ct: Option<Encrypted<Email>>,
    pub(crate) email_bidx: Option<Vec<u8>>,
    pub(crate) email_bidx_ver: Option<i64>,
    pub(crate) display_name_ct: Option<Encrypted<DisplayName>>,
    pub(crate) phone_ct: Option<Encrypted<Phone>>,
    pub(crate) status: String,
    pub(crate) email_verified_at: Option<i64>,
    pub(crate) epoch: i64,
    pub(crate) last_login_at: Option<i64>,
    pub(crate) last_seen_at: Option<i64>,
    pub(crate) inactivity_told_at: Option<i64>,
    pub(crate) erased_at: Option<i64>,
    pub(crate) pii_mac: Option<Vec<u8>>,
    pub(crate) row_mac: Option<Vec<u8>>,
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
