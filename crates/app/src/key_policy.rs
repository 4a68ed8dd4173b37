//! What holds for all versions of a purpose's key is shown.

use std::collections::BTreeMap;

use vutf_crypto_keys::{
    KeysetPolicy, Purpose,
    action::{KEY_LIST, KEY_READ},
};
use vutf_identity::role::permission;
use vutf_kernel::{Ctx, Detail, Question, Timestamp};

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

    /// The same of every purpose of `ctx`'s organization, by purpose; those of single persons are not listed: each would name a
    /// person.
    pub async fn policies(&self, ctx: &Ctx) -> Result<Vec<PolicyView>, KeysError> {
        let done = self.find_policies(ctx).await;
        self.audited(ctx, KEY_LIST, KEY_LIST.none(), done).await
    }

    async fn find_policy(&self, ctx: &Ctx, purpose: &Purpose) -> Result<PolicyView, KeysError> {
        let mut views = self.views(ctx).await?;
        let view = views.remove(purpose).ok_or(KeysError::NotFound)?;
        let text = purpose.to_string();
        self.record(ctx, KEY_READ, KEY_READ.none(), |event| {
            let question = Question::all(KEY_READ).with("policy_of", Some(&text));
            event
                .asks(&question)
                .detail("policy_of", Detail::Text(text.clone()))
        })
        .await?;
        Ok(view)
    }

    async fn find_policies(&self, ctx: &Ctx) -> Result<Vec<PolicyView>, KeysError> {
        let views = self.views(ctx).await?;
        let count = Detail::Number(i64::try_from(views.len()).unwrap_or(i64::MAX));
        self.record(ctx, KEY_LIST, KEY_LIST.none(), |event| {
            let question = Question::all(KEY_LIST).with("of", Some("policies"));
            event.asks(&question).detail("policies", count.clone())
        })
        .await?;
        Ok(views.into_values().collect())
    }

    async fn views(&self, ctx: &Ctx) -> Result<BTreeMap<Purpose, PolicyView>, KeysError> {
        require(ctx, &permission::KEYS_READ)?;
        // Which refuses what is not authentic.
        self.reload().await?;
        let home = Some(ctx.organization_id);
        let records = self.reader.list(home).await?;
        let purposes = records.into_iter().map(|record| record.purpose);
        let undecided = purposes.map(|purpose| (purpose.clone(), PolicyView::undecided(purpose)));
        let mut views: BTreeMap<Purpose, PolicyView> = undecided.collect();
        for keyset in self.reader.keysets(home).await? {
            if let Some(view) = views.get_mut(&keyset.purpose) {
                view.revision = keyset.revision;
                view.updated_at = Some(keyset.updated_at);
                view.policy = keyset.policy;
            }
        }
        Ok(views)
    }
}

impl PolicyView {
    fn undecided(purpose: Purpose) -> Self {
        Self {
            purpose,
            policy: KeysetPolicy::default(),
            revision: 0,
            updated_at: None,
        }
    }
}
