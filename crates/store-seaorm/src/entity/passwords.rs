//! Rows of `passwords`.

use sea_orm::entity::prelude::*;

use crate::encrypted::{Encrypted, Phc};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passwords")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) user_id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) phc_ct: Encrypted<Phc>,
    pub(crate) changed_at: i64,
    pub(crate) must_change_at: Option<i64>,
    pub(crate) beside_factor: bool,
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
