//! Which keys are to be rotated now, and which need work besides. Pure: whoever runs it holds a lease.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    hash::BuildHasher,
    time::Duration,
};

use vutf_kernel::{KeyId, OrganizationId, Timestamp};

use crate::{Decision, KeyRecord, KeyState, Keyset, Operation, Purpose, Usage, decide};

/// Why a key is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Its cryptoperiod is over. Text: `age`.
    Age,
    /// It protected as many messages as it should. Text: `messages`.
    Messages,
    /// It protected as many bytes as it should. Text: `bytes`.
    Bytes,
}

impl Why {
    /// The stable text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Messages => "messages",
            Self::Bytes => "bytes",
        }
    }
}

/// A key whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// Its use.
    pub purpose: Purpose,
    /// The version that protects.
    pub key_id: KeyId,
    /// Why.
    pub why: Why,
    /// Whether rotating it is all that is to do, see [`Purpose::rotates_alone`]; otherwise a person decides when.
    pub alone: bool,
}

/// The policies of each purpose.
pub type Keysets<'a> = HashMap<(OrganizationId, &'a Purpose), &'a Keyset>;

/// By organization and purpose.
pub fn by_purpose(keysets: &[Keyset]) -> Keysets<'_> {
    keysets
        .iter()
        .map(|keyset| ((keyset.organization_id, &keyset.purpose), keyset))
        .collect()
}

/// The active keys that are to be rotated at `now`, in the order of tenant and purpose. Persons' keys are not among them.
pub fn due<S: BuildHasher>(
    now: Timestamp,
    records: &[KeyRecord],
    usage: &HashMap<KeyId, Usage, S>,
    keysets: &[Keyset],
) -> Vec<Due> {
    let policies = by_purpose(keysets);
    let mut all: Vec<Due> = records
        .iter()
        .filter(|record| record.state == KeyState::Active && record.purpose.subject_id().is_none())
        .filter_map(|record| {
            let policy = policies.get(&(record.organization_id, &record.purpose)).copied();
            let used = usage.get(&record.id).copied().unwrap_or_default();
            Some(Due {
                organization_id: record.organization_id,
                purpose: record.purpose.clone(),
                key_id: record.id,
                why: why(now, record, used, policy)?,
                alone: record.purpose.rotates_alone(),
            })
        })
        .collect();
    all.sort_by(|a, b| (a.organization_id, &a.purpose).cmp(&(b.organization_id, &b.purpose)));
    all
}

/// When the period ends in which `record` should protect: by its keyset, or as it was made. `None` when a person decides.
pub fn end_of_period(record: &KeyRecord, keyset: Option<&Keyset>) -> Option<Timestamp> {
    let period = keyset.and_then(|keyset| keyset.policy.cryptoperiod);
    match (record.activated_at, period) {
        (Some(activated), Some(period)) => Some(activated.plus(period)),
        _ => record.not_after,
    }
}

/// How much `record` should protect before it is rotated: by its keyset, or by its purpose.
pub fn limit_of(purpose: &Purpose, keyset: Option<&Keyset>) -> Option<Usage> {
    keyset
        .and_then(|keyset| keyset.policy.limit)
        .or_else(|| purpose.usage_limit())
}

/// Active keys whose period ends within `ahead`, and which nobody rotates by themselves: somebody must be told.
pub fn ending(now: Timestamp, ahead: Duration, records: &[KeyRecord], keysets: &[Keyset]) -> Vec<KeyId> {
    let policies = by_purpose(keysets);
    let soon = now.plus(ahead);
    records
        .iter()
        .filter(|record| record.state == KeyState::Active && !record.purpose.rotates_alone())
        .filter(|record| {
            let policy = policies.get(&(record.organization_id, &record.purpose)).copied();
            end_of_period(record, policy).is_some_and(|end| end <= soon)
        })
        .map(|record| record.id)
        .collect()
}

/// The purposes that have a compromised version which still reads: what it protects is to be encrypted anew, at once. Versions
/// below the keyset's minimum read nothing any more.
pub fn to_reencrypt(records: &[KeyRecord], keysets: &[Keyset]) -> BTreeSet<(OrganizationId, Purpose)> {
    let policies = by_purpose(keysets);
    records
        .iter()
        .filter(|record| decide(record.state, Operation::Process) == Decision::AllowFlagged)
        .filter(|record| {
            policies
                .get(&(record.organization_id, &record.purpose))
                .is_none_or(|keyset| record.version >= keyset.policy.minimum_version)
        })
        .map(|record| (record.organization_id, record.purpose.clone()))
        .collect()
}

/// The newest active version of `purpose`.
pub fn active<'a>(
    records: &'a [KeyRecord],
    organization: OrganizationId,
    purpose: &Purpose,
) -> Option<&'a KeyRecord> {
    records
        .iter()
        .filter(|record| record.state == KeyState::Active)
        .filter(|record| record.organization_id == organization && record.purpose == *purpose)
        .min_by_key(|record| Reverse(record.version))
}

fn why(now: Timestamp, record: &KeyRecord, used: Usage, keyset: Option<&Keyset>) -> Option<Why> {
    if end_of_period(record, keyset).is_some_and(|end| end <= now) {
        return Some(Why::Age);
    }
    let limit = limit_of(&record.purpose, keyset)?;
    if used.messages >= limit.messages {
        Some(Why::Messages)
    } else if used.bytes >= limit.bytes {
        Some(Why::Bytes)
    } else {
        None
    }
}
