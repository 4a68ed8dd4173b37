//! What this process protected is added up with what the others did.

use std::collections::BTreeMap;

use vutf_crypto_keys::{LoadError, UsageDelta, commit_usage, plan_usage};
use vutf_kernel::{Ctx, Fault, OrganizationId, PortError, transact};

use super::Keys;

/// Other replicas write down the same keys; each further attempt reads anew.
const ATTEMPTS: usize = 5;

impl Keys<'_> {
    /// Writes down how much each key protected in this process since the last time; answers for how many keys. Nothing is lost
    /// when it fails: the next time writes it. What is not authentic, or less than it was, is never added to; that of one
    /// organization does not keep the use of the others from being written down.
    pub async fn flush_usage(&self, ctx: &Ctx) -> Result<usize, PortError> {
        let mut by_organization: BTreeMap<OrganizationId, Vec<UsageDelta>> = BTreeMap::new();
        for delta in self.keyring.take_usage() {
            by_organization
                .entry(delta.organization_id)
                .or_default()
                .push(delta);
        }
        let (mut written, mut failed) = (0, None);
        for (organization, mut deltas) in by_organization {
            // In one order, so that two replicas cannot wait for one another.
            deltas.sort_by_key(|delta| delta.key_id);
            match self.write_usage(ctx, organization, &deltas).await {
                Ok(()) => written += deltas.len(),
                Err(error) => {
                    self.keyring.give_back_usage(&deltas);
                    failed = failed.or(Some(error));
                }
            }
        }
        failed.map_or(Ok(written), Err)
    }

    async fn write_usage(
        &self,
        ctx: &Ctx,
        organization: OrganizationId,
        deltas: &[UsageDelta],
    ) -> Result<(), PortError> {
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            match self.add_usage(ctx, organization, deltas).await {
                Err(error) if left > 0 && matches!(error.fault, Fault::Stale | Fault::Duplicate) => {}
                done => return done,
            }
        }
    }

    async fn add_usage(
        &self,
        ctx: &Ctx,
        organization: OrganizationId,
        deltas: &[UsageDelta],
    ) -> Result<(), PortError> {
        let rows = self.reader.usage(Some(organization)).await?;
        let planned = deltas.iter().map(|delta| {
            let row = rows.iter().find(|row| row.key_id == delta.key_id);
            let before = row.map(|row| row.usage).unwrap_or_default();
            Ok((before, plan_usage(self.keyring, row, delta)?))
        });
        let planned: Result<Vec<_>, LoadError> = planned.collect();
        let planned = planned.map_err(|error| error.into_port("usage.add"))?;
        transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, planned) = (ctx.clone(), planned.clone());
            Box::pin(async move {
                for (before, next) in &planned {
                    commit_usage(&ctx, &mut env, unit, *before, next).await?;
                }
                Ok(())
            })
        })
        .await
    }
}
