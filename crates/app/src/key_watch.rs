//! Keys that somebody has to rotate by hand are announced before their time is over.

use std::{collections::BTreeSet, time::Duration};

use vutf_audit::{Ending, EventFilter, LogReader, parse_body};
use vutf_crypto_keys::{KeyRecord, KeysTx, action::KEY_DUE, due};
use vutf_identity::role::permission;
use vutf_kernel::{Ctx, Detail, Event, KeyId, Outcome, PageRequest, PortError, Timestamp, transact};

use crate::keys::{Keys, KeysError, require};

impl Keys<'_> {
    /// Announces the active keys of `ctx`'s organization that are rotated by hand and whose time ends within `ahead`, each
    /// once for each end: one `key.due` event a key. Returns those that it announced now.
    ///
    /// The audit log remembers what was announced, so that neither a restart nor another replica repeats it. Two callers at
    /// once may: call it under a lease.
    pub async fn announce_due(
        &self,
        ctx: &Ctx,
        log: &dyn LogReader,
        ahead: Duration,
    ) -> Result<Vec<KeyRecord>, KeysError> {
        require(ctx, &permission::KEYS_MANAGE)?;
        let home = Some(ctx.organization_id);
        let (records, keysets) = (self.reader.list(home).await?, self.reader.keysets(home).await?);
        let soon = due::ending(self.ambient.now(), ahead, &records, &keysets);
        let policies = due::by_purpose(&keysets);
        let end = |record: &KeyRecord| {
            let keyset = policies.get(&(record.organization_id, &record.purpose)).copied();
            due::end_of_period(record, keyset)
        };
        let ending = records.iter().filter(|record| soon.contains(&record.id));
        let ending: Vec<(&KeyRecord, Timestamp)> =
            ending.filter_map(|record| Some((record, end(record)?))).collect();
        // Nothing was announced earlier than `ahead` before the first end.
        let Some(since) = ending.iter().map(|(_, end)| *end).min() else {
            return Ok(Vec::new());
        };
        let known = announced(log, ctx, since.minus(ahead)).await?;
        let mut told = Vec::new();
        for (record, end) in ending {
            if !known.contains(&(record.id, end.rfc3339())) {
                self.announce(ctx, record, end).await?;
                told.push(record.clone());
            }
        }
        Ok(told)
    }

    async fn announce(&self, ctx: &Ctx, record: &KeyRecord, end: Timestamp) -> Result<(), PortError> {
        transact(self.units, self.ambient, |unit, mut env| {
            let resource = KEY_DUE.one(record.id.as_uuid());
            let event = Event::new(ctx, &mut env, KEY_DUE.name, resource, Outcome::Success)
                .detail("purpose", Detail::Text(record.purpose.to_string()))
                .detail("version", Detail::Number(record.version.into()))
                .detail("not_after", Detail::Text(end.rfc3339()));
            Box::pin(async move { KeysTx::events(unit).append(event).await })
        })
        .await
    }
}

/// The keys that were announced since, each with the end that it had then.
async fn announced(
    log: &dyn LogReader,
    ctx: &Ctx,
    since: Timestamp,
) -> Result<BTreeSet<(KeyId, String)>, PortError> {
    let filter = EventFilter {
        action: Some(KEY_DUE.into()),
        outcome: Some(Ending::Success),
        from: Some(since),
        ..EventFilter::within(ctx.organization_id)
    };
    let mut page = PageRequest {
        after: None,
        limit: PageRequest::MAX_LIMIT,
    };
    let mut known = BTreeSet::new();
    loop {
        let found = log.search(&filter, &page).await?;
        // One that cannot be read is the verifier's business.
        let bodies = found
            .items
            .iter()
            .filter_map(|record| parse_body(&record.intake.body).ok());
        known.extend(bodies.filter_map(|body| match body.details.get("not_after") {
            Some(Detail::Text(end)) => Some((KeyId::from_uuid(body.resource.id?), end.clone())),
            _ => None,
        }));
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(known),
        }
    }
}
