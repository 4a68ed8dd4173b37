//! A key is made by hand: the first one of a name, or the next version, to be activated once every replica knows it.

use vutf_crypto_keys::{KeyRecord, KeyState, Purpose, action::KEY_CREATE, succession::plan_next};
use vutf_kernel::{Ctx, Env, Timestamp};

use super::{Home, Keys, KeysError};

/// What is to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What for.
    pub purpose: Purpose,
    /// Whether it protects at once: only the first version of a purpose does.
    pub activate: bool,
    /// The end of its cryptoperiod, instead of the one of its purpose.
    pub not_after: Option<Timestamp>,
}

impl Keys<'_> {
    /// Makes a key of `ctx`'s organization and loads it. With `activate` it is the first one of a name that other programs use;
    /// without, it may also be the next version of any other purpose but the tenant's and single persons'.
    pub async fn create(&self, ctx: &Ctx, new: NewKey) -> Result<KeyRecord, KeysError> {
        let done = self.make(ctx, new).await;
        self.audited(ctx, KEY_CREATE, KEY_CREATE.none(), done).await
    }

    async fn make(&self, ctx: &Ctx, new: NewKey) -> Result<KeyRecord, KeysError> {
        let registry = self.opened(ctx).await?;
        self.check(&registry, &new)?;
        let record = self.plan_new(ctx, &registry, &new)?;
        let inserted = self.insert(ctx, vec![record.clone()]).await;
        self.reload().await?;
        match inserted {
            Ok(()) => Ok(record),
            Err(error) => Err(KeysError::of_commit(error, KeysError::Exists(new.purpose))),
        }
    }

    fn check(&self, registry: &Home, new: &NewKey) -> Result<(), KeysError> {
        let same = || {
            registry
                .records
                .iter()
                .filter(|record| record.purpose == new.purpose)
        };
        let named = matches!(new.purpose, Purpose::Service { .. });
        let unfit = matches!(new.purpose, Purpose::Tenant | Purpose::Subject { .. });
        if unfit || !new.purpose.is_valid() || (!named && same().next().is_none()) {
            return Err(KeysError::NotCreatable(new.purpose.clone()));
        }
        let stands_in_the_way = if new.activate {
            same().next().is_some()
        } else {
            same().any(|record| record.state == KeyState::PreActivation)
        };
        if stands_in_the_way {
            return Err(KeysError::Exists(new.purpose.clone()));
        }
        if new.not_after.is_some_and(|end| end <= self.ambient.now()) {
            return Err(KeysError::PastEnd);
        }
        Ok(())
    }

    fn plan_new(&self, ctx: &Ctx, registry: &Home, new: &NewKey) -> Result<KeyRecord, KeysError> {
        let mut entropy = self.ambient.entropy();
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut *entropy,
        };
        let existing = &registry.records;
        let tenant = registry.tenant(ctx)?;
        let (purpose, activate) = (&new.purpose, new.activate);
        Ok(plan_next(
            &mut env,
            self.keyring,
            existing,
            tenant,
            purpose,
            activate,
            new.not_after,
        )?)
    }
}
