//! What the audit log says was made. The registry's rows are authenticated one by one, but nothing in them tells that one is
//! missing, or that an older one was put back: the log does, and who removes its events is found by verification.

use std::collections::BTreeMap;

use vutf_audit::{Ending, EventFilter, LogReader, Record, parse_body};
use vutf_crypto_keys::{
    KeyRecord, Purpose,
    action::{KEY_CREATE, KEY_ROTATE},
};
use vutf_kernel::{Action, Detail, OrganizationId, PageRequest, PortError};

/// The newest version of each purpose of an organization, by its events.
pub(crate) struct Ledger(BTreeMap<Purpose, u32>);

impl Ledger {
    /// Read it *before* the registry, which can only have grown since.
    pub(crate) async fn read(log: &dyn LogReader, organization: OrganizationId) -> Result<Self, PortError> {
        let mut newest = BTreeMap::new();
        for action in [KEY_CREATE, KEY_ROTATE] {
            note(log, organization, action, &mut newest).await?;
        }
        Ok(Self(newest))
    }

    /// The first purpose whose newest key is not in `registry`, and that key's version.
    pub(crate) fn missing(&self, registry: &[KeyRecord]) -> Option<(&Purpose, u32)> {
        let is_there = |purpose: &Purpose, version: u32| {
            registry
                .iter()
                .any(|record| record.purpose == *purpose && record.version >= version)
        };
        self.0
            .iter()
            .map(|(purpose, version)| (purpose, *version))
            .find(|(purpose, version)| !is_there(purpose, *version))
    }
}

async fn note(
    log: &dyn LogReader,
    organization: OrganizationId,
    action: Action,
    newest: &mut BTreeMap<Purpose, u32>,
) -> Result<(), PortError> {
    let filter = EventFilter {
        action: Some(action.name.to_owned()),
        outcome: Some(Ending::Success),
        ..EventFilter::within(organization)
    };
    let mut page = PageRequest {
        after: None,
        limit: PageRequest::MAX_LIMIT,
    };
    loop {
        let found = log.search(&filter, &page).await?;
        for (purpose, version) in found.items.iter().filter_map(made) {
            let known = newest.entry(purpose).or_insert(version);
            *known = version.max(*known);
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(()),
        }
    }
}

/// What an event says was made. One that cannot be read is the verifier's business.
fn made(record: &Record) -> Option<(Purpose, u32)> {
    let details = parse_body(&record.intake.body).ok()?.details;
    match (details.get("purpose")?, details.get("version")?) {
        (Detail::Text(purpose), Detail::Number(version)) => {
            Some((purpose.parse().ok()?, u32::try_from(*version).ok()?))
        }
        _ => None,
    }
}
