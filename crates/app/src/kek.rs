//! Tenant keys under other key-encryption keys: a rotation of the key-encryption key, a move to another provider, disaster
//! recovery added or given up. The work is as much as there are tenants; no key below a tenant key is read, and no ciphertext.

use std::collections::{BTreeMap, BTreeSet};

use vutf_crypto_keys::{
    KeyReader, KeyRecord, KeysTx, LoadError, Rewrap, Wraps,
    action::KEY_REWRAP,
    rewrap::{commit_rewrap, holds_tenant_key, plan_rewrap, verify_wraps},
};
use vutf_identity::role::permission;
use vutf_kernel::{
    Action, Class, Ctx, Detail, Event, Fault, KeyId, OrganizationId, Outcome, PortError, transact,
};

use crate::keys::{Keys, KeysError, require};

/// Somebody else may change rows while they are rewrapped; then they are looked at again, but not for ever.
const PASSES: usize = 5;

/// A key-encryption key gets a successor.
pub const KEK_ROTATE: Action = Action::new("kek.rotate", "kek");
/// A key-encryption key is taken out of service for good.
pub const KEK_FORGET: Action = Action::new("kek.forget", "kek");
/// A key-encryption key is given to custodians in shares.
pub const KEK_SPLIT: Action = Action::new("kek.split", "kek");

/// What a rewrap came to.
#[derive(Debug, Default)]
pub struct RewrapReport {
    /// Tenant keys that there are, destroyed ones not counted.
    pub tenants: usize,
    /// Written by this run.
    pub rewrapped: usize,
    /// Changed by somebody else at each attempt: run it again.
    pub contended: usize,
    /// Left as they are, with the reason: they open only under the key-encryption keys that they name.
    pub refused: Vec<(KeyId, LoadError)>,
}

impl RewrapReport {
    /// Whether every tenant key is where it should be.
    pub fn is_complete(&self) -> bool {
        self.contended == 0 && self.refused.is_empty()
    }
}

/// What a check of all wraps came to.
#[derive(Debug, Default)]
pub struct WrapsReport {
    /// Tenant keys that every configured key-encryption key opened.
    pub verified: usize,
    /// The others.
    pub refused: Vec<(KeyId, LoadError)>,
}

impl Keys<'_> {
    /// Wraps every tenant key under exactly the key-encryption keys that are configured to wrap. Those that are already cost
    /// nothing, so that it may be cut off and run again, by several replicas at once, and beside rotations. Each key is
    /// committed by itself with its event. A row that cannot be opened or is not authentic is left, and recorded as refused.
    ///
    /// The machine itself and its operator do so for all organizations, a person for their own.
    pub async fn rewrap(&self, ctx: &Ctx) -> Result<RewrapReport, KeysError> {
        let done = self.rewrap_all(ctx).await;
        self.audited(ctx, KEY_REWRAP, KEY_REWRAP.none(), done).await
    }

    /// Has every key-encryption key that is configured to wrap open its wrap of each tenant key.
    pub async fn verify_wraps(&self, ctx: &Ctx) -> Result<WrapsReport, KeysError> {
        require(ctx, &permission::KEYS_READ)?;
        let mut report = WrapsReport::default();
        for record in self.tenant_keys(ctx).await? {
            match verify_wraps(self.wrapper, &record).await {
                Ok(()) => report.verified += 1,
                Err(error) if error.class() == Class::Unavailable => return Err(error.into()),
                Err(error) => report.refused.push((record.id, error)),
            }
        }
        Ok(report)
    }

    /// How many tenant keys name each key-encryption key. One that is not among them opens nothing in this database; its
    /// backups are another matter.
    pub async fn keks_in_use(&self, ctx: &Ctx) -> Result<BTreeMap<String, usize>, KeysError> {
        require(ctx, &permission::KEYS_READ)?;
        Ok(count_keks(&self.tenant_keys(ctx).await?))
    }

    /// Records what was done, or is about to be done, with a key-encryption key itself.
    pub async fn record_kek(
        &self,
        ctx: &Ctx,
        action: Action,
        details: &[(&'static str, Detail)],
    ) -> Result<(), KeysError> {
        require(ctx, &permission::KEYS_MANAGE)?;
        transact(self.units, self.ambient, |unit, mut env| {
            let mut event = Event::new(ctx, &mut env, action.name, action.none(), Outcome::Success);
            for (name, detail) in details {
                event = event.detail(name, detail.clone());
            }
            Box::pin(async move { Ok(KeysTx::events(unit).append(event).await?) })
        })
        .await
    }

    async fn rewrap_all(&self, ctx: &Ctx) -> Result<RewrapReport, KeysError> {
        require(ctx, &permission::KEYS_MANAGE)?;
        let mut report = RewrapReport::default();
        let mut refused: BTreeSet<KeyId> = BTreeSet::new();
        for _ in 0..PASSES {
            let records = self.tenant_keys(ctx).await?;
            report.tenants = records.len();
            report.contended = 0;
            for record in &records {
                if refused.contains(&record.id) {
                    continue;
                }
                match plan_rewrap(self.wrapper, record).await {
                    Ok(None) => {}
                    Ok(Some(rewrap)) => match self.commit_one(ctx, &rewrap).await {
                        Ok(()) => report.rewrapped += 1,
                        Err(error) if error.fault == Fault::Stale => report.contended += 1,
                        Err(error) => return Err(error.into()),
                    },
                    // The next one would fare no better: what was done stays done, and the rest is done by the next run.
                    Err(error) if error.class() == Class::Unavailable => return Err(error.into()),
                    Err(error) => {
                        refused.insert(record.id);
                        self.record_refused(ctx, record).await?;
                        report.refused.push((record.id, error));
                    }
                }
            }
            if report.contended == 0 {
                break;
            }
        }
        Ok(report)
    }

    async fn commit_one(&self, ctx: &Ctx, rewrap: &Rewrap) -> Result<(), PortError> {
        transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, rewrap) = (ctx.clone(), rewrap.clone());
            Box::pin(async move { commit_rewrap(&ctx, &mut env, unit, &rewrap).await })
        })
        .await
    }

    async fn record_refused(&self, ctx: &Ctx, record: &KeyRecord) -> Result<(), PortError> {
        transact(self.units, self.ambient, |unit, mut env| {
            let resource = KEY_REWRAP.one(record.id.as_uuid());
            let outcome = Outcome::refused("not_openable");
            let mut event = Event::new(ctx, &mut env, KEY_REWRAP.name, resource, outcome)
                .detail("from", Detail::List(keks_of(record)));
            event.organization_id = record.organization_id;
            Box::pin(async move { KeysTx::events(unit).append(event).await })
        })
        .await
    }

    /// The tenant keys in `ctx`'s reach that were not destroyed.
    async fn tenant_keys(&self, ctx: &Ctx) -> Result<Vec<KeyRecord>, PortError> {
        let mut records = self.reader.list_tenant_keys(reach(ctx)).await?;
        records.retain(holds_tenant_key);
        Ok(records)
    }
}

/// The key-encryption keys that tenant keys in the store name, and how many name each. Needs none of them, so that it can be
/// asked before one is made: what rows name cannot be replaced by a new key.
pub async fn keks_named(reader: &dyn KeyReader) -> Result<BTreeMap<String, usize>, PortError> {
    let mut records = reader.list_tenant_keys(None).await?;
    records.retain(holds_tenant_key);
    Ok(count_keks(&records))
}

fn count_keks(records: &[KeyRecord]) -> BTreeMap<String, usize> {
    let mut named = BTreeMap::new();
    for kek_id in records.iter().flat_map(keks_of) {
        *named.entry(kek_id).or_default() += 1;
    }
    named
}

fn reach(ctx: &Ctx) -> Option<OrganizationId> {
    (!ctx.is_trusted()).then_some(ctx.organization_id)
}

/// The key-encryption keys that a row names; its column's when its wraps cannot be read.
fn keks_of(record: &KeyRecord) -> Vec<String> {
    match Wraps::decode(&record.wrapped) {
        Ok(wraps) => wraps.kek_ids().map(str::to_owned).collect(),
        Err(_) => vec![record.wrapped_by.to_string()],
    }
}
