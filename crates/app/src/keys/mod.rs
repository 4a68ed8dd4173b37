//! The key registry as callers see it: bring it up, show it, change it. The KMS is called outside of transactions only.

mod create;
mod destroy;
mod ensure;
mod error;
mod inventory;
mod keyset;
mod rotate;
mod transition;
mod usage;
mod view;

pub use create::NewKey;
pub use destroy::{Destruction, DestructionRequest};
pub use ensure::hold_against_log;
pub use error::KeysError;
pub use keyset::KeysetChange;
pub use rotate::Target;
pub use view::KeyView;

use std::time::Duration;

use vutf_crypto_keys::{
    KeyReader, KeyRecord, KeyWrapper, Keyring, KeysTx, LoadError, LoadReport, Purpose, Registry, due::active,
};
use vutf_identity::{records_refusal, role::permission};
use vutf_kernel::{
    Action, Ambient, Ctx, Event, KeyId, Outcome, Permission, PortError, Resource, Units, transact,
};

use crate::UnitOfWork;

/// Loads of a busy registry may overtake one another; each further one reads anew.
const LOADS: usize = 10;

/// A key, in whatever revision it is, or in the one that the caller read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRef {
    /// The key.
    pub id: KeyId,
    /// The revision that the caller read; of any other nothing is changed.
    pub revision: Option<u64>,
}

impl KeyRef {
    /// Only in this revision.
    pub const fn at(id: KeyId, revision: u64) -> Self {
        Self {
            id,
            revision: Some(revision),
        }
    }
}

impl From<KeyId> for KeyRef {
    fn from(id: KeyId) -> Self {
        Self { id, revision: None }
    }
}

/// The handles that the use cases of this module need.
pub struct Keys<'a> {
    /// Opens transactions.
    pub units: &'a dyn Units<dyn UnitOfWork>,
    /// Reads without one.
    pub reader: &'a dyn KeyReader,
    /// The key-encryption key.
    pub wrapper: &'a dyn KeyWrapper,
    /// What is loaded.
    pub keyring: &'a Keyring,
    /// Time and randomness.
    pub ambient: &'a Ambient,
    /// The longest that it takes until every replica has heard of a change: twice the interval in which they load the keys.
    pub settle: Duration,
}

/// The keys of an organization, just read and loaded.
struct Home {
    records: Vec<KeyRecord>,
}

impl Home {
    fn find(&self, key: KeyRef) -> Result<&KeyRecord, KeysError> {
        let found = self.records.iter().find(|record| record.id == key.id);
        let record = found.ok_or(KeysError::NotFound)?;
        match key.revision {
            Some(revision) if revision != record.revision => Err(KeysError::Stale),
            _ => Ok(record),
        }
    }

    fn tenant(&self, ctx: &Ctx) -> Result<&KeyRecord, KeysError> {
        let organization_id = ctx.organization_id;
        active(&self.records, organization_id, &Purpose::Tenant)
            .ok_or_else(|| LoadError::NoTenantKey { organization_id }.into())
    }
}

impl Keys<'_> {
    /// Loads the keys of every organization.
    pub async fn reload(&self) -> Result<LoadReport, KeysError> {
        let mut left = LOADS;
        loop {
            // What stands beside the keys is read after them: a keyset is never older than the keys that it is about.
            let registry = Registry {
                keys: self.reader.list(None).await?,
                keysets: self.reader.keysets(None).await?,
                usage: self.reader.usage(None).await?,
            };
            let loaded = self.keyring.load_registry(self.wrapper, &registry).await;
            left -= 1;
            match loaded {
                // Of two loads that overlap, the one that began first may end last: what it brings is no longer the newest,
                // and nobody put it back.
                Err(
                    LoadError::RolledBack { .. }
                    | LoadError::KeysetRolledBack { .. }
                    | LoadError::UsageRolledBack { .. },
                ) if left > 0 => {}
                done => return Ok(done?),
            }
        }
    }

    /// The keys of the organization, for whoever may change them; loaded, so that each row was authenticated and none is older
    /// than what this process knows.
    async fn opened(&self, ctx: &Ctx) -> Result<Home, KeysError> {
        require(ctx, &permission::KEYS_MANAGE)?;
        self.reload().await?;
        let records = self.reader.list(Some(ctx.organization_id)).await?;
        Ok(Home { records })
    }

    /// Writes an event in a transaction of its own.
    pub(crate) async fn record(
        &self,
        ctx: &Ctx,
        action: Action,
        resource: Resource,
        fill: impl Fn(Event) -> Event + Send + Sync,
    ) -> Result<(), PortError> {
        transact(self.units, self.ambient, |unit, mut env| {
            let event = Event::new(ctx, &mut env, action.name, resource.clone(), Outcome::Success);
            let event = fill(event);
            Box::pin(async move { KeysTx::events(unit).append(event).await })
        })
        .await
    }

    /// Writes a refusal to the log; its own transaction, if there was one, is rolled back.
    pub(crate) async fn audited<T: Send>(
        &self,
        ctx: &Ctx,
        action: Action,
        resource: Resource,
        done: Result<T, KeysError>,
    ) -> Result<T, KeysError> {
        use vutf_kernel::UseCaseError as _;
        if let Err(error) = &done
            && error.port().is_none()
            && records_refusal(error.class())
        {
            let outcome = Outcome::refused(error.code());
            transact(self.units, self.ambient, |unit, mut env| {
                let event = Event::new(ctx, &mut env, action.name, resource.clone(), outcome.clone());
                Box::pin(async move { KeysTx::events(unit).append(event).await })
            })
            .await?;
        }
        done
    }
}

pub(crate) fn require(ctx: &Ctx, permission: &Permission) -> Result<(), KeysError> {
    if ctx.may(permission) {
        Ok(())
    } else {
        Err(KeysError::Denied(permission.clone()))
    }
}
