//! A new version takes over.

use vutf_crypto_keys::{
    KeyRecord, Purpose, ReasonCode, Rotation, action::KEY_ROTATE, commit_rotation, due, due::active,
    lifecycle::plan_rotation_under,
};
use vutf_kernel::{Ctx, Env, KeyId, PortError, transact};

use super::{KeyRef, Keys, KeysError};

/// Which key is to be rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// This one, as long as no other version protects in its place.
    Key(KeyId),
    /// The same, only in the revision that the caller read.
    Read(KeyRef),
    /// Whatever protects for this purpose.
    Purpose(Purpose),
}

impl Keys<'_> {
    /// Makes a new version of a key of `ctx`'s organization, loads it and answers it; what the old one protects can still
    /// be read. Of several rotations of one key at once one is done, and the others are told [`KeysError::RotatedMeanwhile`].
    pub async fn rotate(&self, ctx: &Ctx, target: &Target) -> Result<KeyRecord, KeysError> {
        let resource = match target {
            Target::Key(id) | Target::Read(KeyRef { id, .. }) => KEY_ROTATE.one(id.as_uuid()),
            Target::Purpose(_) => KEY_ROTATE.none(),
        };
        let done = self.make_next(ctx, target, ReasonCode::Superseded).await;
        self.audited(ctx, KEY_ROTATE, resource, done).await
    }

    /// Rotates every key of `ctx`'s organization whose time or amount of use is over and which rotates by itself; answers the
    /// new ones. Somebody else may be faster. Call it under a lease.
    pub async fn rotate_due(&self, ctx: &Ctx) -> Result<Vec<KeyRecord>, KeysError> {
        let records = self.opened(ctx).await?.records;
        let home = Some(ctx.organization_id);
        let usage = self.checked_usage(home).await?;
        let keysets = self.reader.keysets(home).await?;
        let mut made = Vec::new();
        let due = due::due(self.ambient.now(), &records, &usage, &keysets);
        for due in due.into_iter().filter(|due| due.alone) {
            let target = Target::Key(due.key_id);
            match self.make_next(ctx, &target, ReasonCode::Cryptoperiod).await {
                Ok(record) => made.push(record),
                Err(KeysError::RotatedMeanwhile) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(made)
    }

    async fn make_next(
        &self,
        ctx: &Ctx,
        target: &Target,
        reason: ReasonCode,
    ) -> Result<KeyRecord, KeysError> {
        let registry = self.opened(ctx).await?;
        let purpose = match target {
            Target::Key(id) => registry.find((*id).into())?.purpose.clone(),
            Target::Read(key) => registry.find(*key)?.purpose.clone(),
            Target::Purpose(purpose) => purpose.clone(),
        };
        let existing = &registry.records;
        if !existing.iter().any(|record| record.purpose == purpose) {
            return Err(KeysError::NotFound);
        }
        if !purpose.is_rotatable() {
            return Err(KeysError::NotRotatable(purpose));
        }
        let protects = active(existing, ctx.organization_id, &purpose);
        if let (Target::Key(id) | Target::Read(KeyRef { id, .. }), Some(active)) = (target, protects)
            && active.id != *id
        {
            return Err(KeysError::RotatedMeanwhile);
        }
        let mut entropy = self.ambient.entropy();
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut *entropy,
        };
        let (policy, home) = (self.keyring.policy(), ctx.organization_id);
        let rotation = plan_rotation_under(policy, &mut env, self.wrapper, existing, home, &purpose).await?;
        let rotation = Rotation {
            reason: reason.into(),
            ..rotation
        };
        self.replace(ctx, rotation).await
    }

    /// Commits a rotation and loads what came of it; whoever won the race made a key that this process needs, too.
    pub(super) async fn replace(&self, ctx: &Ctx, rotation: Rotation) -> Result<KeyRecord, KeysError> {
        let committed = self.commit_rotation(ctx, &rotation).await;
        self.reload().await?;
        match committed {
            Ok(()) => Ok(rotation.new),
            Err(error) => Err(KeysError::of_commit(error, KeysError::RotatedMeanwhile)),
        }
    }

    async fn commit_rotation(&self, ctx: &Ctx, rotation: &Rotation) -> Result<(), PortError> {
        transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, rotation) = (ctx.clone(), rotation.clone());
            Box::pin(async move { commit_rotation(&ctx, &mut env, unit, rotation).await })
        })
        .await
    }
}
