//! Rows of `passkeys`.

use sea_orm::entity::prelude::*;
use vutf_identity::passkey::PasskeyName;

use crate::encrypted::Encrypted;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passkeys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) credential_id: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) name_ct: Encrypted<PasskeyName>,
    pub(crate) transports: String,
    pub(crate) sign_count: i64,
    pub(crate) backup_eligible: bool,
    pub(crate) backed_up: bool,
    pub(crate) password_changed_at: Option<i64>,
    pub(crate) last_used_at: Option<i64>,
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
