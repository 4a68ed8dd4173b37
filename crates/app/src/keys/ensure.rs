//! At the start: every key that the service needs is there, and none is older than the audit log tells.

use vutf_audit::LogReader;
use vutf_crypto_keys::{
    KeyReader, KeyRecord, LoadError, LoadReport, Purpose, Suite, commit_new, lifecycle::plan_missing_under,
};
use vutf_identity::role::permission;
use vutf_kernel::{Ctx, Env, Fault, OrganizationId, PortError, transact};

use super::{Keys, KeysError, require};
use crate::ledger::Ledger;

/// Refuses a registry that lacks what the audit log tells of, or holds an older row of it; answers the keys of `organization`.
/// Rows are not authenticated here, see [`vutf_crypto_keys::Keyring::load_registry`].
pub async fn hold_against_log(
    reader: &dyn KeyReader,
    log: &dyn LogReader,
    organization: OrganizationId,
) -> Result<Vec<KeyRecord>, KeysError> {
    let home = Some(organization);
    let ledger = Ledger::read(log, organization).await?;
    let existing = reader.list(home).await?;
    ledger.check(&existing, &reader.keysets(home).await?)?;
    ledger.check_usage(&reader.usage(home).await?)?;
    Ok(existing)
}

impl Keys<'_> {
    /// Makes a key for each purpose of `ctx`'s organization that has none, and loads everything. Replicas may race: whoever
    /// comes second finds the keys there.
    ///
    /// A key that was made once is never made again: a fresh one for an old purpose would open nothing, and would let a name or
    /// an address be taken twice. The audit log tells which were made, and in which revision each row was last: an older row
    /// that somebody put back is refused.
    pub async fn ensure(
        &self,
        ctx: &Ctx,
        wanted: &[Purpose],
        log: &dyn LogReader,
    ) -> Result<LoadReport, KeysError> {
        require(ctx, &permission::KEYS_MANAGE)?;
        self.refuse_persons().await?;
        let existing = hold_against_log(self.reader, log, ctx.organization_id).await?;
        let mut entropy = self.ambient.entropy();
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut *entropy,
        };
        let policy = self.keyring.policy();
        let organization = ctx.organization_id;
        let missing =
            plan_missing_under(policy, &mut env, self.wrapper, organization, &existing, wanted).await?;
        if !missing.is_empty() {
            if !existing.is_empty() {
                // The making of a key is an event, and events are vouched for with a key that is there.
                self.reload().await?;
            }
            match self.insert(ctx, missing).await {
                Err(error) if error.fault == Fault::Duplicate => {}
                other => other?,
            }
        }
        self.reload().await
    }

    /// Keys of persons are not loaded with the others, and each would be refused when it is needed: an end at the start is better.
    async fn refuse_persons(&self) -> Result<(), KeysError> {
        let policy = self.keyring.policy();
        for suite in Suite::ALL.into_iter().filter(|suite| !policy.admits(*suite)) {
            if let Some(key) = self.reader.find_personal(suite.algorithm()).await? {
                let key_id = key.id;
                return Err(LoadError::PersonNotAdmitted { key_id, suite }.into());
            }
        }
        Ok(())
    }

    pub(super) async fn insert(&self, ctx: &Ctx, records: Vec<KeyRecord>) -> Result<(), PortError> {
        transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, records) = (ctx.clone(), records.clone());
            Box::pin(async move { commit_new(&ctx, &mut env, unit, &records).await })
        })
        .await
    }
}
