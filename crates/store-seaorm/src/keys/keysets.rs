//! From a keyset to its row, and back.

use std::time::Duration;

use sea_orm::ActiveValue::Set;
use vutf_crypto_keys::{Keyset, KeysetPolicy, Usage};
use vutf_kernel::{KeyId, OrganizationId, PortError, Timestamp};

use super::whole;
use crate::{
    entity::keysets,
    row::{array, corrupt},
};

const TABLE: &str = "keysets";

pub(super) fn row(keyset: &Keyset) -> Result<keysets::ActiveModel, PortError> {
    const OP: &str = "keysets.write";
    let policy = &keyset.policy;
    let micros =
        |period: Duration| i64::try_from(period.as_micros()).map_err(|error| PortError::other(OP, error));
    Ok(keysets::ActiveModel {
        organization_id: Set(keyset.organization_id.as_uuid()),
        purpose: Set(keyset.purpose.to_string()),
        minimum_version: Set(i64::from(policy.minimum_version)),
        suspended_may_process: Set(policy.suspended_may_process),
        cryptoperiod: Set(policy.cryptoperiod.map(micros).transpose()?),
        message_limit: Set(policy.limit.map(|limit| whole(OP, limit.messages)).transpose()?),
        byte_limit: Set(policy.limit.map(|limit| whole(OP, limit.bytes)).transpose()?),
        revision: Set(whole(OP, keyset.revision)?),
        updated_at: Set(keyset.updated_at.as_micros()),
        authenticated_by: Set(keyset.authenticated_by.as_uuid()),
        mac: Set(keyset.mac.to_vec()),
    })
}

pub(super) fn keyset(row: &keysets::Model) -> Result<Keyset, PortError> {
    let id = format!("{} of {}", row.purpose, row.organization_id);
    let bad = |column: &'static str, problem: &dyn std::fmt::Display| corrupt(TABLE, column, &id, problem);
    let unsigned =
        |column: &'static str, number: i64| u64::try_from(number).map_err(|problem| bad(column, &problem));
    let limit = match (row.message_limit, row.byte_limit) {
        (Some(messages), Some(bytes)) => Some(Usage {
            messages: unsigned("message_limit", messages)?,
            bytes: unsigned("byte_limit", bytes)?,
        }),
        (None, None) => None,
        _ => return Err(bad("message_limit", &"one limit without the other")),
    };
    let cryptoperiod = row.cryptoperiod.map(|micros| unsigned("cryptoperiod", micros));
    Ok(Keyset {
        organization_id: OrganizationId::from_uuid(row.organization_id),
        purpose: row.purpose.parse().map_err(|problem| bad("purpose", &problem))?,
        policy: KeysetPolicy {
            minimum_version: u32::try_from(row.minimum_version)
                .map_err(|problem| bad("minimum_version", &problem))?,
            suspended_may_process: row.suspended_may_process,
            cryptoperiod: cryptoperiod.transpose()?.map(Duration::from_micros),
            limit,
        },
        revision: unsigned("revision", row.revision)?,
        updated_at: Timestamp::from_micros(row.updated_at),
        authenticated_by: KeyId::from_uuid(row.authenticated_by),
        mac: array(TABLE, "mac", &id, &row.mac)?,
    })
}
