//! What a rule found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use vutf_kernel::{FindingId, OrganizationId, Timestamp};

use super::{Rule, Severity, Technique};

/// Sequence numbers that a finding names at most: the first and the newest. `events` tells how many there are.
pub const MOST_SEQS: usize = 64;

/// A finding as it was raised. It never changes; what people do about it is a [`super::StatusChange`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    /// Follows from rule, version, key and evidence: the same finding has the same id. In the form of a UUIDv7, by the time of
    /// the last event, so that ids sort as time does.
    pub id: FindingId,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// The rule's id.
    pub rule: String,
    /// The rule's version.
    pub rule_version: u32,
    /// The rule's title then.
    pub title: String,
    /// How grave it is.
    pub severity: Severity,
    /// MITRE ATT&CK techniques that fit.
    pub techniques: Vec<Technique>,
    /// Whom or what it is about, as [`super::Key`] writes it.
    pub key: String,
    /// The first event; -1 for a finding about events that have no place yet.
    pub first_seq: i64,
    /// The event that made it a finding; -1 as above.
    pub last_seq: i64,
    /// Their numbers, at most [`MOST_SEQS`], ascending.
    pub seqs: Vec<i64>,
    /// How many events it rests on.
    pub events: u64,
    /// What they amount to, where a rule adds up what they tell; else the same as `events`.
    pub amount: u64,
    /// When the first event happened.
    pub first_at: Timestamp,
    /// When the last event happened.
    pub at: Timestamp,
    /// The parameters that were in force.
    pub parameters: BTreeMap<String, i64>,
    /// The rule was silenced then: nobody is told.
    pub silenced: bool,
}

/// What a detector has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub(crate) organization_id: OrganizationId,
    pub(crate) key: String,
    pub(crate) seqs: Vec<i64>,
    pub(crate) events: u64,
    pub(crate) amount: u64,
    pub(crate) first_at: Timestamp,
    pub(crate) at: Timestamp,
    /// The time in the id, if it is not `at`.
    pub(crate) dated: Option<Timestamp>,
}

impl Detection {
    pub(crate) fn new(
        rule: &Rule,
        evidence: Evidence,
        parameters: BTreeMap<String, i64>,
        silenced: bool,
    ) -> Self {
        let mut seqs = evidence.seqs;
        seqs.sort_unstable();
        seqs.dedup();
        let first_seq = seqs.first().copied().unwrap_or(-1);
        let last_seq = seqs.last().copied().unwrap_or(-1);
        if seqs.len() > MOST_SEQS {
            seqs.drain(1..=seqs.len() - MOST_SEQS);
        }
        Self {
            id: id(
                rule,
                &evidence.key,
                evidence.organization_id,
                (first_seq, last_seq),
                evidence.dated.unwrap_or(evidence.at),
            ),
            organization_id: evidence.organization_id,
            rule: rule.id.clone(),
            rule_version: rule.version,
            title: rule.title.clone(),
            severity: rule.severity,
            techniques: rule.techniques.clone(),
            key: evidence.key,
            first_seq,
            last_seq,
            seqs,
            events: evidence.events,
            amount: evidence.amount,
            first_at: evidence.first_at,
            at: evidence.at,
            parameters,
            silenced,
        }
    }
}

/// SHA-256 over `"vutf/finding/v1"`, the tenant, and each other part with its length before it, in the random bits of a UUIDv7.
fn id(
    rule: &Rule,
    key: &str,
    organization: OrganizationId,
    (first, last): (i64, i64),
    at: Timestamp,
) -> FindingId {
    let mut hash = Sha256::new_with_prefix(b"vutf/finding/v1");
    hash.update(organization.as_bytes());
    for part in [rule.id.as_bytes(), key.as_bytes()] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.update(rule.version.to_be_bytes());
    hash.update(first.to_be_bytes());
    hash.update(last.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut bits = [0; 10];
    bits.copy_from_slice(&digest[..10]);
    let millis = u64::try_from(at.as_micros() / 1_000).unwrap_or(0);
    FindingId::from_uuid(uuid_of(millis, &bits))
}

fn uuid_of(millis: u64, bits: &[u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(millis, bits).into_uuid()
}
