//! A key changes its state.

use vutf_crypto_keys::{
    Change, KeyRecord, KeyState, Purpose, Reason, action, plan_transition,
    succession::{commit_compromise, commit_transitions, plan_activation, plan_compromise},
};
use vutf_kernel::{Ctx, Env, PortError, transact};

use super::{Home, KeyRef, Keys, KeysError};

impl Keys<'_> {
    /// Brings a key of `ctx`'s organization into the state `next`, loads it and answers it. None of it asks the provider, but
    /// for a compromised tenant key, which gets a successor.
    ///
    /// - Active: from pre-activation or suspension; the version that was active until now is deactivated.
    /// - Suspended, deactivated: not the active key of a purpose that the service itself needs. There is one, and without it
    ///   nobody signs in or no row is written, on every replica at once: whoever wants it put aside rotates it.
    /// - Compromised: the active version gets a successor in the same transaction; what it protects is to be written anew, see
    ///   [`vutf_crypto_keys::due::to_reencrypt`]. With a tenant key every key below it is compromised.
    ///
    /// To destroy a key is [`Keys::request_destruction`].
    pub async fn transition(
        &self,
        ctx: &Ctx,
        key: impl Into<KeyRef>,
        next: KeyState,
        reason: &Reason,
    ) -> Result<KeyRecord, KeysError> {
        let key = key.into();
        let action = action::of_state(next);
        let done = self.change(ctx, key, next, reason).await;
        self.audited(ctx, action, action.one(key.id.as_uuid()), done)
            .await
    }

    async fn change(
        &self,
        ctx: &Ctx,
        key: KeyRef,
        next: KeyState,
        reason: &Reason,
    ) -> Result<KeyRecord, KeysError> {
        let registry = self.opened(ctx).await?;
        let record = registry.find(key)?;
        let now = self.ambient.now();
        let changes = match next {
            // What a key was made as it never becomes again, and a destruction takes more than this.
            KeyState::PreActivation | KeyState::Destroyed => {
                let from = record.state;
                return Err(KeysError::Transition { from, next });
            }
            KeyState::Compromised if record.state == KeyState::Active => {
                return self.compromise(ctx, &registry, record, reason).await;
            }
            KeyState::Active => {
                plan_activation(self.keyring, now, &registry.records, record, reason.clone())?
                    .ok_or(KeysError::Superseded)?
            }
            KeyState::Suspended | KeyState::Deactivated | KeyState::Compromised => {
                if record.state == KeyState::Active && is_needed(&record.purpose) {
                    return Err(KeysError::InUse(record.purpose.clone()));
                }
                vec![plan_transition(self.keyring, now, record, next, reason.clone())?]
            }
        };
        self.commit_changes(ctx, &changes).await
    }

    async fn compromise(
        &self,
        ctx: &Ctx,
        registry: &Home,
        record: &KeyRecord,
        reason: &Reason,
    ) -> Result<KeyRecord, KeysError> {
        let plan = {
            let mut entropy = self.ambient.entropy();
            let mut env = Env {
                clock: self.ambient.clock(),
                entropy: &mut *entropy,
            };
            let existing = &registry.records;
            let reason = reason.clone();
            plan_compromise(&mut env, self.wrapper, self.keyring, existing, record, reason).await?
        };
        let committed: Result<(), PortError> = transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, plan) = (ctx.clone(), plan.clone());
            Box::pin(async move { commit_compromise(&ctx, &mut env, unit, plan).await })
        })
        .await;
        self.reload().await?;
        committed.map_err(|error| KeysError::of_commit(error, KeysError::ChangedMeanwhile))?;
        let mut lost = plan.rotations.iter().flat_map(|rotation| &rotation.previous);
        lost.find(|lost| lost.id == record.id)
            .cloned()
            .ok_or(KeysError::NotFound)
    }

    /// Commits changes of state and loads what came of them; answers the last one's key.
    async fn commit_changes(&self, ctx: &Ctx, changes: &[Change]) -> Result<KeyRecord, KeysError> {
        let committed: Result<(), PortError> = transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, changes) = (ctx.clone(), changes.to_vec());
            Box::pin(async move { commit_transitions(&ctx, &mut env, unit, &changes).await })
        })
        .await;
        self.reload().await?;
        committed.map_err(|error| KeysError::of_commit(error, KeysError::ChangedMeanwhile))?;
        let last = changes.last().ok_or(KeysError::NotFound)?;
        Ok(last.record.clone())
    }
}

/// Whether the service does not work without an active key for the purpose.
fn is_needed(purpose: &Purpose) -> bool {
    !matches!(purpose, Purpose::Service { .. })
}
