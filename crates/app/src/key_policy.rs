//! What holds for all versions of a purpose's key is shown.

use vutf_crypto_keys::{KeysetPolicy, Purpose, action::KEY_READ};
use vutf_identity::role::permission;
use vutf_kernel::{Ctx, Detail, Timestamp};

use crate::keys::{Keys, KeysError, require};

/// What holds for all versions of a purpose's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyView {
    /// The purpose.
    pub purpose: Purpose,
    /// What holds.
    pub policy: KeysetPolicy,
    /// Grows with each decision; 0 when nothing was decided yet.
    pub revision: u64,
    /// When it was decided.
    pub updated_at: Option<Timestamp>,
}

impl Keys<'_> {
    /// What holds for all versions of a purpose's key in `ctx`'s organization, decided or not.
    pub async fn policy(&self, ctx: &Ctx, purpose: &Purpose) -> Result<PolicyView, KeysError> {
        let done = self.find_policy(ctx, purpose).await;
        self.audited(ctx, KEY_READ, KEY_READ.none(), done).await
    }

    async fn find_policy(&self, ctx: &Ctx, purpose: &Purpose) -> Result<PolicyView, KeysError> {
        require(ctx, &permission::KEYS_READ)?;
        // Which refuses what is not authentic.
        self.reload().await?;
        let home = Some(ctx.organization_id);
        if !self
            .reader
            .list(home)
            .await?
            .iter()
            .any(|record| record.purpose == *purpose)
        {
            return Err(KeysError::NotFound);
        }
        let keysets = self.reader.keysets(home).await?;
        let decided = keysets.into_iter().find(|keyset| keyset.purpose == *purpose);
        let text = purpose.to_string();
        self.record(ctx, KEY_READ, KEY_READ.none(), |event| {
            event.detail("policy_of", Detail::Text(text.clone()))
        })
        .await?;
        Ok(PolicyView {
            purpose: purpose.clone(),
            revision: decided.as_ref().map_or(0, |keyset| keyset.revision),
            updated_at: decided.as_ref().map(|keyset| keyset.updated_at),
            policy: decided.map(|keyset| keyset.policy).unwrap_or_default(),
        })
    }
}
