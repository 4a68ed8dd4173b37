//! The key registry as callers see it: bring it up, show it, rotate it. The KMS is called outside of transactions only.

use vutf_audit::LogReader;
use vutf_crypto_keys::{
    KeyReader, KeyRecord, KeyWrapper, Keyring, KeysTx, LoadError, LoadReport, Purpose, Rotation,
    action::{KEY_LIST, KEY_ROTATE},
    commit_new, commit_rotation, plan_missing, plan_rotation,
};
use vutf_identity::{records_refusal, role::permission};
use vutf_kernel::{
    Action, Ambient, Class, Ctx, Detail, Env, Event, Fault, KeyId, Outcome, Permission, PortError, Resource,
    Units, UseCaseError, transact,
};

use crate::{UnitOfWork, ledger::Ledger};

/// Why the key ring cannot be brought up, shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The caller lacks a permission.
    #[error("this needs the permission {}", .0.as_str())]
    Denied(Permission),
    /// The organization has no such key.
    #[error("there is no such key")]
    NotFound,
    /// A rotation of the key would not be enough, see [`Purpose::is_rotatable`].
    #[error("keys for {0} cannot be rotated by themselves; expected tenant, token-signing or field:TABLE")]
    NotRotatable(Purpose),
    /// Somebody else rotated the key at the same time. Their key is loaded.
    #[error("the key was rotated by somebody else meanwhile")]
    RotatedMeanwhile,
    /// The audit log says that a key was made which the registry does not have, or no longer in its newest version.
    #[error(
        "the key for {purpose}, version {version}, was made and is not in the registry: restore the table crypto_keys from a backup"
    )]
    Lost {
        /// What it was for.
        purpose: Purpose,
        /// Its version.
        version: u32,
    },
    /// A record was refused, or the key-encryption key does not fit.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl KeysError {
    /// How a caller should see it.
    pub fn class(&self) -> Class {
        match self {
            Self::Denied(_) => Class::Forbidden,
            Self::NotFound => Class::NotFound,
            Self::NotRotatable(_) => Class::Invalid,
            Self::RotatedMeanwhile => Class::Conflict,
            Self::Lost { .. } => Class::Internal,
            Self::Load(error) => error.class(),
            Self::Port(error) => error.class(),
        }
    }

    /// A stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "permission_denied",
            Self::NotFound => "not_found",
            Self::NotRotatable(_) => "not_rotatable",
            Self::RotatedMeanwhile => "rotated_meanwhile",
            Self::Load(_) | Self::Port(_) if self.class() == Class::Unavailable => "unavailable",
            Self::Lost { .. } | Self::Load(_) | Self::Port(_) => "internal",
        }
    }
}

impl UseCaseError for KeysError {
    fn port(&self) -> Option<&PortError> {
        match self {
            Self::Port(error) => Some(error),
            _ => None,
        }
    }
}

/// Which key is to be rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The key of the same purpose as this one.
    Key(KeyId),
    /// The key of this purpose.
    Purpose(Purpose),
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
}

impl Keys<'_> {
    /// Loads the keys of every organization.
    pub async fn reload(&self) -> Result<LoadReport, KeysError> {
        match self.load().await {
            // Of two loads that overlap, the one that began first may end last: what it brings is no longer the newest, and
            // nobody put it back.
            Err(KeysError::Load(LoadError::RolledBack { .. })) => self.load().await,
            done => done,
        }
    }

    async fn load(&self) -> Result<LoadReport, KeysError> {
        let records = self.reader.list(None).await?;
        Ok(self.keyring.load(self.wrapper, records).await?)
    }

    /// Makes a key for each purpose of `ctx`'s organization that has none, and loads everything. Replicas may race: whoever
    /// comes second finds the keys there.
    ///
    /// A key that was made once is never made again: a fresh one for an old purpose would open nothing, and would let a name or
    /// an address be taken twice. The audit log tells which were made.
    pub async fn ensure(
        &self,
        ctx: &Ctx,
        wanted: &[Purpose],
        log: &dyn LogReader,
    ) -> Result<LoadReport, KeysError> {
        require(ctx, &permission::KEYS_MANAGE)?;
        let ledger = Ledger::read(log, ctx.organization_id).await?;
        let existing = self.reader.list(Some(ctx.organization_id)).await?;
        if let Some((purpose, version)) = ledger.missing(&existing) {
            return Err(KeysError::Lost {
                purpose: purpose.clone(),
                version,
            });
        }
        let mut entropy = self.ambient.entropy();
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut *entropy,
        };
        let missing = plan_missing(&mut env, self.wrapper, ctx.organization_id, &existing, wanted).await?;
        if !missing.is_empty() {
            match self.insert(ctx, missing).await {
                Err(KeysError::Port(error)) if error.fault == Fault::Duplicate => {}
                other => other?,
            }
        }
        self.reload().await
    }

    /// The keys of `ctx`'s organization, by purpose and version. What cannot be recorded is not shown (AU-5).
    pub async fn list(&self, ctx: &Ctx) -> Result<Vec<KeyRecord>, KeysError> {
        let done = self.find_all(ctx).await;
        self.audited(ctx, KEY_LIST, KEY_LIST.none(), done).await
    }

    /// Makes a new version of a key of `ctx`'s organization, loads it and answers it; what the old one protects can still
    /// be read. Of two rotations at once one is done, and the other is told [`KeysError::RotatedMeanwhile`].
    pub async fn rotate(&self, ctx: &Ctx, target: &Target) -> Result<KeyRecord, KeysError> {
        let resource = match target {
            Target::Key(id) => KEY_ROTATE.one(id.as_uuid()),
            Target::Purpose(_) => KEY_ROTATE.none(),
        };
        let done = self.make_next(ctx, target).await;
        self.audited(ctx, KEY_ROTATE, resource, done).await
    }

    async fn find_all(&self, ctx: &Ctx) -> Result<Vec<KeyRecord>, KeysError> {
        require(ctx, &permission::KEYS_READ)?;
        let mut records = self.reader.list(Some(ctx.organization_id)).await?;
        records.sort_by(|a, b| (&a.purpose, a.version).cmp(&(&b.purpose, b.version)));
        let count = Detail::Number(i64::try_from(records.len()).unwrap_or(i64::MAX));
        transact(self.units, self.ambient, |unit, mut env| {
            let event = Event::new(ctx, &mut env, KEY_LIST.name, KEY_LIST.none(), Outcome::Success)
                .detail("count", count.clone());
            Box::pin(async move { KeysTx::events(unit).append(event).await })
        })
        .await?;
        Ok(records)
    }

    async fn make_next(&self, ctx: &Ctx, target: &Target) -> Result<KeyRecord, KeysError> {
        require(ctx, &permission::KEYS_MANAGE)?;
        let existing = self.reader.list(Some(ctx.organization_id)).await?;
        let named = existing.iter().find(|record| match target {
            Target::Key(id) => record.id == *id,
            Target::Purpose(purpose) => record.purpose == *purpose,
        });
        let purpose = &named.ok_or(KeysError::NotFound)?.purpose;
        if !purpose.is_rotatable() {
            return Err(KeysError::NotRotatable(purpose.clone()));
        }
        let mut entropy = self.ambient.entropy();
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut *entropy,
        };
        let rotation = plan_rotation(&mut env, self.wrapper, &existing, ctx.organization_id, purpose).await?;
        let committed = self.commit(ctx, &rotation).await;
        // Whoever won the race made a key that this process needs, too.
        self.reload().await?;
        match committed {
            Err(error) if matches!(error.fault, Fault::Duplicate | Fault::Stale) => {
                Err(KeysError::RotatedMeanwhile)
            }
            other => Ok(other.map(|()| rotation.new)?),
        }
    }

    async fn commit(&self, ctx: &Ctx, rotation: &Rotation) -> Result<(), PortError> {
        transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, rotation) = (ctx.clone(), rotation.clone());
            Box::pin(async move { commit_rotation(&ctx, &mut env, unit, rotation).await })
        })
        .await
    }

    async fn insert(&self, ctx: &Ctx, records: Vec<KeyRecord>) -> Result<(), KeysError> {
        transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, records) = (ctx.clone(), records.clone());
            Box::pin(async move { Ok(commit_new(&ctx, &mut env, unit, &records).await?) })
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
