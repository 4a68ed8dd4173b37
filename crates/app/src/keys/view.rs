//! Keys are shown. What cannot be recorded is not shown (AU-5).

use std::collections::HashMap;

use vutf_crypto_keys::{
    Approval, ApprovalState, KeyRecord, Keyset, Transition, Usage,
    action::{KEY_LIST, KEY_READ},
};
use vutf_identity::role::permission;
use vutf_kernel::{Ctx, KeyId, OrganizationId, Question};

use super::{Keys, KeysError, require};

/// A key with what stands beside it.
#[derive(Clone, Debug)]
pub struct KeyView {
    /// The key.
    pub record: KeyRecord,
    /// The oldest version of its purpose that may still be used.
    pub minimum_version: u32,
    /// What was decided about its purpose; `None` when nothing was.
    pub keyset: Option<Keyset>,
    /// How much it protected, as far as it was written down.
    pub usage: Usage,
    /// Its history, oldest first.
    pub transitions: Vec<Transition>,
    /// The request for its destruction that waits for a second person.
    pub request: Option<Approval>,
}

impl Keys<'_> {
    /// The keys of `ctx`'s organization, by purpose and version. Rows are authenticated first: what somebody else has written is
    /// an error, and is not shown.
    pub async fn list(&self, ctx: &Ctx) -> Result<Vec<KeyRecord>, KeysError> {
        let done = self.find_all(ctx).await;
        self.audited(ctx, KEY_LIST, KEY_LIST.none(), done).await
    }

    /// One key of `ctx`'s organization, with its history. A request that waits for a decision and is not authentic is an error,
    /// as in [`Keys::requests`].
    pub async fn get(&self, ctx: &Ctx, id: KeyId) -> Result<KeyView, KeysError> {
        let done = self.find_one(ctx, id).await;
        self.audited(ctx, KEY_READ, KEY_READ.one(id.as_uuid()), done)
            .await
    }

    /// How much keys protected, as it is written down; what is not authentic is no answer.
    pub(super) async fn checked_usage(
        &self,
        organization: Option<OrganizationId>,
    ) -> Result<HashMap<KeyId, Usage>, KeysError> {
        let rows = self.reader.usage(organization).await?;
        for row in &rows {
            self.keyring.check_usage(row)?;
        }
        Ok(rows.into_iter().map(|row| (row.key_id, row.usage)).collect())
    }

    async fn find_all(&self, ctx: &Ctx) -> Result<Vec<KeyRecord>, KeysError> {
        require(ctx, &permission::KEYS_READ)?;
        self.reload().await?;
        let mut records = self.reader.list(Some(ctx.organization_id)).await?;
        records.sort_by(|a, b| (&a.purpose, a.version).cmp(&(&b.purpose, b.version)));
        let ids: Vec<_> = records.iter().map(|record| record.id.as_uuid()).collect();
        self.record(ctx, KEY_LIST, KEY_LIST.none(), |event| {
            event.shows(&Question::all(KEY_LIST), &ids)
        })
        .await?;
        Ok(records)
    }

    async fn find_one(&self, ctx: &Ctx, id: KeyId) -> Result<KeyView, KeysError> {
        require(ctx, &permission::KEYS_READ)?;
        self.reload().await?;
        let home = ctx.organization_id;
        let found = self.reader.find(id).await?;
        // A person's key is shown to nobody: that it exists says that the person does.
        let record = found
            .filter(|record| record.organization_id == home && record.purpose.subject_id().is_none())
            .ok_or(KeysError::NotFound)?;
        let keysets = self.reader.keysets(Some(home)).await?;
        let keyset = keysets
            .into_iter()
            .find(|keyset| keyset.purpose == record.purpose);
        let usage = self.checked_usage(Some(home)).await?;
        let now = self.ambient.now();
        let request = self.reader.open_approval(id.as_uuid()).await?;
        if let Some(request) = &request {
            request.authenticate(self.keyring)?;
        }
        let view = KeyView {
            minimum_version: keyset.as_ref().map_or(1, |keyset| keyset.policy.minimum_version),
            usage: usage.get(&id).copied().unwrap_or_default(),
            transitions: self.reader.transitions(id).await?,
            request: request.filter(|request| request.state_at(now) == ApprovalState::Open),
            keyset,
            record,
        };
        let question = Question::all(KEY_READ).with("id", Some(id));
        self.record(ctx, KEY_READ, KEY_READ.one(id.as_uuid()), |event| {
            event.shows(&question, &[id.as_uuid()])
        })
        .await?;
        Ok(view)
    }
}
