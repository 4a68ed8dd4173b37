//! What holds for all versions of a purpose's key.

use std::time::Duration;

use vutf_crypto_keys::{
    KeyState, Keyset, KeysetPolicy, Live, Purpose, Usage, action::KEYSET_UPDATE, commit_keyset, due::active,
    plan_keyset,
};
use vutf_kernel::{Ctx, PortError, transact};

use super::{Home, Keys, KeysError};

/// What is to be different from now on; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct KeysetChange {
    /// The revision that the caller read, 0 for none; of any other nothing is changed.
    pub revision: Option<u64>,
    /// The oldest version that may still be used.
    pub minimum_version: Option<u32>,
    /// Whether a suspended version may process what it protected.
    pub suspended_may_process: Option<bool>,
    /// How long a version protects; `Some(None)`: as its purpose says.
    pub cryptoperiod: Option<Option<Duration>>,
    /// How much a version protects before it is rotated; `Some(None)`: as its purpose says.
    pub limit: Option<Option<Usage>>,
}

impl Keys<'_> {
    /// Refuses every version of a purpose below `minimum` from now on; replicas that have loaded a key do so once they load
    /// again. It is not raised above the version that protects, nor above a version that rows still need.
    pub async fn set_minimum_version(
        &self,
        ctx: &Ctx,
        purpose: &Purpose,
        minimum: u32,
    ) -> Result<Keyset, KeysError> {
        let change = KeysetChange {
            minimum_version: Some(minimum),
            ..KeysetChange::default()
        };
        self.set_policy(ctx, purpose, &change).await
    }

    /// Decides what holds for all versions of a purpose's key in `ctx`'s organization.
    pub async fn set_policy(
        &self,
        ctx: &Ctx,
        purpose: &Purpose,
        change: &KeysetChange,
    ) -> Result<Keyset, KeysError> {
        let done = self.decide(ctx, purpose, change).await;
        self.audited(ctx, KEYSET_UPDATE, KEYSET_UPDATE.none(), done).await
    }

    async fn decide(&self, ctx: &Ctx, purpose: &Purpose, change: &KeysetChange) -> Result<Keyset, KeysError> {
        let registry = self.opened(ctx).await?;
        if !registry.records.iter().any(|record| record.purpose == *purpose) {
            return Err(KeysError::NotFound);
        }
        let keysets = self.reader.keysets(Some(ctx.organization_id)).await?;
        let current = keysets.iter().find(|keyset| keyset.purpose == *purpose);
        let revision = current.map_or(0, |keyset| keyset.revision);
        if change.revision.is_some_and(|read| read != revision) {
            return Err(KeysError::Stale);
        }
        let policy = current.map(|keyset| keyset.policy.clone()).unwrap_or_default();
        if matches!(change.limit, Some(Some(_))) && !purpose.rotates_alone() {
            return Err(KeysError::Limit(purpose.clone()));
        }
        if let Some(minimum) = change.minimum_version {
            self.check_minimum(ctx, &registry, purpose, policy.minimum_version, minimum)
                .await?;
        }
        let policy = KeysetPolicy {
            minimum_version: change.minimum_version.unwrap_or(policy.minimum_version),
            suspended_may_process: change
                .suspended_may_process
                .unwrap_or(policy.suspended_may_process),
            cryptoperiod: change.cryptoperiod.unwrap_or(policy.cryptoperiod),
            limit: change.limit.unwrap_or(policy.limit),
        };
        let now = self.ambient.now();
        let keyset = plan_keyset(self.keyring, now, registry.tenant(ctx)?, purpose, current, policy)?;
        let written: Result<(), PortError> = transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, keyset) = (ctx.clone(), keyset.clone());
            Box::pin(async move { commit_keyset(&ctx, &mut env, unit, &keyset).await })
        })
        .await;
        self.reload().await?;
        match written {
            Ok(()) => Ok(keyset),
            Err(error) => Err(KeysError::of_commit(error, KeysError::ChangedMeanwhile)),
        }
    }

    async fn check_minimum(
        &self,
        ctx: &Ctx,
        registry: &Home,
        purpose: &Purpose,
        from: u32,
        to: u32,
    ) -> Result<(), KeysError> {
        let newest =
            active(&registry.records, ctx.organization_id, purpose).map_or(0, |record| record.version);
        // A tenant key's rows are not read by version: its older versions go when nothing hangs under them any more.
        if *purpose == Purpose::Tenant || to == 0 || to > newest {
            return Err(KeysError::MinimumVersion {
                purpose: purpose.clone(),
                newest: if *purpose == Purpose::Tenant { 0 } else { newest },
            });
        }
        let given_up = registry.records.iter().filter(|record| {
            record.purpose == *purpose
                && (from..to).contains(&record.version)
                && record.state != KeyState::Destroyed
        });
        for record in given_up {
            let live = self.reader.count(record).await?;
            if !live.is_none() && (live != Live::Unknown || stands_in_the_store(purpose)) {
                return Err(KeysError::StillProtects { live });
            }
        }
        Ok(())
    }
}

/// Whether what such a key protects is in the store's own tables, so that losing it is never what somebody wants. Other
/// programs' ciphertexts and MACs, and tokens, are given up on purpose.
fn stands_in_the_store(purpose: &Purpose) -> bool {
    matches!(
        purpose,
        Purpose::Field { .. } | Purpose::Index { .. } | Purpose::Subject { .. } | Purpose::Mac { .. }
    )
}
