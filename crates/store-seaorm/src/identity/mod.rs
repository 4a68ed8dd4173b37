//! The repositories of the identity domain.

mod api_keys;
mod bootstrap;
mod break_glass;
mod custom_roles;
mod guards;
mod housekeeping;
mod mail;
mod mfa;
mod passkeys;
mod password_history;
mod passwords;
mod people;
mod policies;
mod refresh;
mod roles;
mod sessions;
mod status;
mod users;

use sea_orm::ActiveValue::{self, Set};
use uuid::Uuid;
use vutf_kernel::{Timestamp, UserId};

pub(crate) fn micros(at: Option<Timestamp>) -> ActiveValue<Option<i64>> {
    Set(at.map(Timestamp::as_micros))
}

pub(crate) fn person(id: Option<UserId>) -> ActiveValue<Option<Uuid>> {
    Set(id.map(|id| id.as_uuid()))
}

/// Writes the audit mixin into an active model.
macro_rules! set_stamps {
    ($model:expr, $stamps:expr) => {{
        let stamps: &vutf_kernel::Stamps = $stamps;
        $model.created_at = sea_orm::ActiveValue::Set(stamps.created_at.as_micros());
        $model.created_by = crate::identity::person(stamps.created_by);
        $model.updated_at = sea_orm::ActiveValue::Set(stamps.updated_at.as_micros());
        $model.updated_by = crate::identity::person(stamps.updated_by);
        $model.deleted_at = crate::identity::micros(stamps.deleted_at);
        $model.deleted_by = crate::identity::person(stamps.deleted_by);
        $model.version = sea_orm::ActiveValue::Set(stamps.version);
    }};
}

/// Reads the audit mixin out of a row.
macro_rules! stamps_of {
    ($row:expr) => {
        vutf_kernel::Stamps {
            created_at: vutf_kernel::Timestamp::from_micros($row.created_at),
            created_by: $row.created_by.map(vutf_kernel::UserId::from_uuid),
            updated_at: vutf_kernel::Timestamp::from_micros($row.updated_at),
            updated_by: $row.updated_by.map(vutf_kernel::UserId::from_uuid),
            deleted_at: $row.deleted_at.map(vutf_kernel::Timestamp::from_micros),
            deleted_by: $row.deleted_by.map(vutf_kernel::UserId::from_uuid),
            version: $row.version,
        }
    };
}

pub(crate) use {set_stamps, stamps_of};
