//! From what is written down of a key's use to its row, and back.

use sea_orm::ActiveValue::Set;
use vutf_crypto_keys::{Usage, UsageRecord};
use vutf_kernel::{KeyId, OrganizationId, PortError};

use super::whole;
use crate::{
    entity::key_usage,
    row::{array, corrupt},
};

const TABLE: &str = "key_usage";

pub(super) fn row(record: &UsageRecord) -> Result<key_usage::ActiveModel, PortError> {
    const OP: &str = "usage.write";
    Ok(key_usage::ActiveModel {
        key_id: Set(record.key_id.as_uuid()),
        organization_id: Set(record.organization_id.as_uuid()),
        messages: Set(whole(OP, record.usage.messages)?),
        bytes: Set(whole(OP, record.usage.bytes)?),
        revision: Set(whole(OP, record.revision)?),
        authenticated_by: Set(record.authenticated_by.as_uuid()),
        mac: Set(record.mac.to_vec()),
    })
}

pub(super) fn usage(row: &key_usage::Model) -> Result<UsageRecord, PortError> {
    let unsigned = |column, number: i64| {
        u64::try_from(number).map_err(|problem| corrupt(TABLE, column, row.key_id, problem))
    };
    Ok(UsageRecord {
        key_id: KeyId::from_uuid(row.key_id),
        organization_id: OrganizationId::from_uuid(row.organization_id),
        usage: Usage {
            messages: unsigned("messages", row.messages)?,
            bytes: unsigned("bytes", row.bytes)?,
        },
        revision: unsigned("revision", row.revision)?,
        authenticated_by: KeyId::from_uuid(row.authenticated_by),
        mac: array(TABLE, "mac", row.key_id, &row.mac)?,
    })
}
