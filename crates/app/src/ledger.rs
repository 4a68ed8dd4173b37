//! What the audit log says was made and changed. The registry's rows are authenticated one by one, but nothing in them tells
//! that one is missing, or that an older one was put back: the log does, and who removes its events is found by verification.

use std::collections::{BTreeMap, HashMap};

use vutf_audit::{Ending, EventFilter, LogReader, Record, parse_body};
use vutf_crypto_keys::{
    KeyRecord, KeyState, Keyset, Purpose, UsageRecord,
    action::{
        KEY_ACTIVATE, KEY_COMPROMISE, KEY_CREATE, KEY_DEACTIVATE, KEY_DESTROY, KEY_DESTROY_REJECT,
        KEY_REWRAP, KEY_ROTATE, KEY_SUSPEND, KEY_USAGE, KEYSET_UPDATE,
    },
};
use vutf_kernel::{Action, Detail, KeyId, OrganizationId, PageRequest, PortError, Timestamp};

use crate::keys::KeysError;

/// Every change of a key's row is one of these, but for those below a tenant key that were only wrapped anew. Keys of single
/// persons are made under another name, so that the work does not grow with the number of persons; what is done to one of
/// them later is passed over, because the registry is not listed with them.
const CHANGES: [Action; 9] = [
    KEY_CREATE,
    KEY_ROTATE,
    KEY_ACTIVATE,
    KEY_SUSPEND,
    KEY_DEACTIVATE,
    KEY_COMPROMISE,
    KEY_DESTROY,
    KEY_DESTROY_REJECT,
    KEY_REWRAP,
];

/// What the log last said of a key.
struct Known {
    purpose: Purpose,
    version: u32,
    revision: u64,
    state: Option<KeyState>,
}

/// The newest revision of each key and keyset of an organization, by its events.
#[derive(Default)]
pub(crate) struct Ledger {
    keys: HashMap<KeyId, Known>,
    keysets: BTreeMap<Purpose, u64>,
    usage: HashMap<KeyId, u64>,
}

impl Ledger {
    /// Read it *before* the registry, which can only have changed since.
    pub(crate) async fn read(log: &dyn LogReader, organization: OrganizationId) -> Result<Self, PortError> {
        let mut ledger = Self::default();
        for action in CHANGES {
            each(log, organization, action, |record| ledger.note_key(record)).await?;
        }
        each(log, organization, KEYSET_UPDATE, |record| {
            ledger.note_keyset(record);
        })
        .await?;
        each(log, organization, KEY_USAGE, |record| ledger.note_usage(record)).await?;
        Ok(ledger)
    }

    /// Refuses rows of keys' use that are older than the log tells of, or gone.
    pub(crate) fn check_usage(&self, rows: &[UsageRecord]) -> Result<(), KeysError> {
        let rows: HashMap<KeyId, u64> = rows.iter().map(|row| (row.key_id, row.revision)).collect();
        for (key_id, log) in &self.usage {
            let row = rows.get(key_id).copied().unwrap_or(0);
            if row < *log {
                return Err(KeysError::UsageRolledBack {
                    key_id: *key_id,
                    row,
                    log: *log,
                });
            }
        }
        Ok(())
    }

    /// Refuses a registry that lacks a key which was made, or holds an older row than the log tells of.
    pub(crate) fn check(&self, registry: &[KeyRecord], keysets: &[Keyset]) -> Result<(), KeysError> {
        let rows: HashMap<KeyId, &KeyRecord> = registry.iter().map(|record| (record.id, record)).collect();
        for (id, known) in &self.keys {
            let row = rows.get(id).ok_or_else(|| KeysError::Lost {
                purpose: known.purpose.clone(),
                version: known.version,
            })?;
            let other_state = known.state.is_some_and(|state| state != row.state);
            if row.revision < known.revision || (row.revision == known.revision && other_state) {
                return Err(KeysError::RolledBack {
                    key_id: *id,
                    row: row.revision,
                    log: known.revision,
                });
            }
        }
        for (purpose, log) in &self.keysets {
            let found = keysets.iter().find(|keyset| keyset.purpose == *purpose);
            let row = found.map_or(0, |keyset| keyset.revision);
            if row < *log {
                return Err(KeysError::KeysetRolledBack {
                    purpose: purpose.clone(),
                    row,
                    log: *log,
                });
            }
        }
        Ok(())
    }

    /// An event that cannot be read, or that tells nothing of one row, is the verifier's business.
    fn note_key(&mut self, record: &Record) {
        if let Some((id, told)) = told_of_key(record) {
            let newest = self
                .keys
                .get(&id)
                .is_none_or(|known| known.revision < told.revision);
            if newest {
                self.keys.insert(id, told);
            }
        }
    }

    fn note_usage(&mut self, record: &Record) {
        if let Some((key_id, revision)) = told_of_usage(record) {
            let known = self.usage.entry(key_id).or_insert(revision);
            *known = revision.max(*known);
        }
    }

    fn note_keyset(&mut self, record: &Record) {
        if let Some((purpose, revision)) = told_of_keyset(record) {
            let known = self.keysets.entry(purpose).or_insert(revision);
            *known = revision.max(*known);
        }
    }
}

async fn each(
    log: &dyn LogReader,
    organization: OrganizationId,
    action: Action,
    note: impl FnMut(&Record) + Send,
) -> Result<(), PortError> {
    each_since(log, organization, action, None, note).await
}

/// What succeeded of an action, oldest first.
pub(crate) async fn each_since(
    log: &dyn LogReader,
    organization: OrganizationId,
    action: Action,
    from: Option<Timestamp>,
    mut note: impl FnMut(&Record) + Send,
) -> Result<(), PortError> {
    let filter = EventFilter {
        action: Some(action.into()),
        outcome: Some(Ending::Success),
        from,
        ..EventFilter::within(organization)
    };
    let mut page = PageRequest {
        after: None,
        limit: PageRequest::MAX_LIMIT,
    };
    loop {
        let found = log.search(&filter, &page).await?;
        found.items.iter().for_each(&mut note);
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(()),
        }
    }
}

fn told_of_key(record: &Record) -> Option<(KeyId, Known)> {
    let body = parse_body(&record.intake.body).ok()?;
    let id = KeyId::from_uuid(body.resource.id?);
    let details = body.details;
    let purpose: Purpose = text(details.get("purpose")?)?.parse().ok()?;
    if purpose.subject_id().is_some() {
        return None;
    }
    Some((
        id,
        Known {
            purpose,
            version: number(details.get("version")?)?,
            revision: number(details.get("revision")?)?,
            state: details
                .get("state")
                .and_then(text)
                .and_then(|state| state.parse().ok()),
        },
    ))
}

fn told_of_keyset(record: &Record) -> Option<(Purpose, u64)> {
    let details = parse_body(&record.intake.body).ok()?.details;
    Some((
        text(details.get("purpose")?)?.parse().ok()?,
        number(details.get("revision")?)?,
    ))
}

fn told_of_usage(record: &Record) -> Option<(KeyId, u64)> {
    let body = parse_body(&record.intake.body).ok()?;
    let revision = number(body.details.get("revision")?)?;
    Some((KeyId::from_uuid(body.resource.id?), revision))
}

fn text(detail: &Detail) -> Option<&str> {
    match detail {
        Detail::Text(text) => Some(text),
        _ => None,
    }
}

fn number<N: TryFrom<i64>>(detail: &Detail) -> Option<N> {
    match detail {
        Detail::Number(number) => N::try_from(*number).ok(),
        _ => None,
    }
}
