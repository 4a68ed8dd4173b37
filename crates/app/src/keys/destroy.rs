//! A key is destroyed: one person asks, another approves.

use vutf_crypto_keys::{
    Approval, ApprovalError, ApprovalState, Change, KeyRecord, KeyState, Keyset, Live, LoadError, Person,
    Persons, Purpose, Reason, Usage, UsageDelta, UsageRecord,
    action::{KEY_DESTROY, KEY_DESTROY_APPROVE, KEY_DESTROY_REJECT, KEY_DESTROY_REQUEST, KEY_REQUEST_LIST},
    approval::Ask,
    commit_keyset,
    destruction::{
        commit_destruction, commit_rejection, commit_request, has_settled, may_destroy, plan_destruction,
        plan_rejection,
    },
    plan_keyset, plan_usage,
};
use vutf_identity::role::permission;
use vutf_kernel::{Action, ApprovalId, Ctx, Detail, Env, KeyId, PortError, Question, transact};

use super::{Home, KeyRef, Keys, KeysError, require};
use crate::approvals::person;

/// A request for the destruction of a key.
pub type DestructionRequest = Approval;

/// What came of asking for a destruction.
#[derive(Clone, Debug)]
pub enum Destruction {
    /// The key's bytes are gone.
    Destroyed(KeyRecord),
    /// Another person has to approve it.
    Pending(DestructionRequest),
}

/// Requests that are shown at most.
const LISTED: u32 = 100;

/// What goes into one transaction.
#[derive(Clone)]
struct Plan {
    change: Change,
    live: Live,
    /// What the destroyed tenant key vouched for, and its successor does from now on.
    keysets: Vec<Keyset>,
    usage: Vec<UsageRecord>,
    requests: Vec<Approval>,
    /// What the second person decided.
    approval: Option<Approval>,
}

impl Plan {
    /// The plan with the request that it carries out, which is written once.
    fn approved(mut self, approval: Approval) -> Self {
        self.requests.retain(|request| request.id != approval.id);
        self.approval = Some(approval);
        self
    }
}

impl Keys<'_> {
    /// Asks for the destruction of a key of `ctx`'s organization. One that never protected anything is destroyed at once; any
    /// other takes a second person, see [`Keys::approve`]. Asking again for what is destroyed changes nothing.
    pub async fn request_destruction(
        &self,
        ctx: &Ctx,
        key: impl Into<KeyRef>,
        reason: &Reason,
    ) -> Result<Destruction, KeysError> {
        let key = key.into();
        let done = self.request(ctx, key, reason).await;
        let resource = KEY_DESTROY_REQUEST.one(key.id.as_uuid());
        self.audited(ctx, KEY_DESTROY_REQUEST, resource, done).await
    }

    /// Approves a request of somebody else, and destroys the key in the same transaction. Of several who decide at once one
    /// does; approving what is approved already answers the destroyed key.
    pub async fn approve(&self, ctx: &Ctx, id: ApprovalId) -> Result<KeyRecord, KeysError> {
        let mut done = self.approve_once(ctx, id).await;
        if matches!(done, Err(KeysError::ChangedMeanwhile)) {
            // Somebody else decided: what they did is the answer.
            done = self.approve_once(ctx, id).await;
        }
        self.audited(ctx, KEY_DESTROY_APPROVE, KEY_DESTROY_APPROVE.none(), done)
            .await
    }

    /// Rejects a request, or takes one's own back. Rejecting what is rejected already changes nothing.
    pub async fn reject(&self, ctx: &Ctx, id: ApprovalId) -> Result<DestructionRequest, KeysError> {
        let mut done = self.reject_once(ctx, id).await;
        if matches!(done, Err(KeysError::ChangedMeanwhile)) {
            done = self.reject_once(ctx, id).await;
        }
        self.audited(ctx, KEY_DESTROY_REJECT, KEY_DESTROY_REJECT.none(), done)
            .await
    }

    /// The newest requests of `ctx`'s organization, newest first. One that waits for a decision and is not authentic is an
    /// error: somebody else than the service has made it.
    pub async fn requests(&self, ctx: &Ctx) -> Result<Vec<DestructionRequest>, KeysError> {
        let done = self.find_requests(ctx).await;
        self.audited(ctx, KEY_REQUEST_LIST, KEY_REQUEST_LIST.none(), done)
            .await
    }

    async fn find_requests(&self, ctx: &Ctx) -> Result<Vec<Approval>, KeysError> {
        require(ctx, &permission::KEYS_READ)?;
        let mut found = self.reader.approvals(ctx.organization_id, LISTED).await?;
        found.retain(|request| request.action == KEY_DESTROY.name);
        for request in found
            .iter()
            .filter(|request| request.state == ApprovalState::Open)
        {
            request.authenticate(self.keyring)?;
        }
        let ids: Vec<_> = found.iter().map(|request| request.id.as_uuid()).collect();
        self.record(ctx, KEY_REQUEST_LIST, KEY_REQUEST_LIST.none(), |event| {
            event.shows(&Question::all(KEY_REQUEST_LIST), &ids)
        })
        .await?;
        Ok(found)
    }

    async fn request(&self, ctx: &Ctx, key: KeyRef, reason: &Reason) -> Result<Destruction, KeysError> {
        let registry = self.opened(ctx).await?;
        let record = registry.find(key)?;
        if record.state == KeyState::Destroyed {
            self.repeated(ctx, KEY_DESTROY_REQUEST, record.id).await?;
            return Ok(Destruction::Destroyed(record.clone()));
        }
        let by = person(ctx)?;
        match may_destroy(record, self.wraps(record).await?)? {
            Persons::One => {
                let plan = self.plan_end(ctx, &registry, record, reason.clone()).await?;
                Ok(Destruction::Destroyed(self.destroy(ctx, plan).await?))
            }
            // Rows that the service cannot read without it carry its MACs, and no job makes them anew.
            Persons::Two if matches!(record.purpose, Purpose::Mac { .. }) => {
                Err(KeysError::StillProtects { live: Live::Unknown })
            }
            Persons::Two => self
                .ask(ctx, &registry, record, reason, by)
                .await
                .map(Destruction::Pending),
        }
    }

    async fn ask(
        &self,
        ctx: &Ctx,
        registry: &Home,
        key: &KeyRecord,
        reason: &Reason,
        by: Person,
    ) -> Result<Approval, KeysError> {
        let now = self.ambient.now();
        let in_the_way = self.reader.open_approval(key.id.as_uuid()).await?;
        let expired = match in_the_way {
            Some(open)
                if open.state_at(now) == ApprovalState::Open && open.subject_revision == key.revision =>
            {
                open.authenticate(self.keyring)?;
                return Err(KeysError::Requested(open.id));
            }
            Some(over) => Some(over.expire(self.keyring, now)?),
            None => None,
        };
        let ask = Ask {
            action: KEY_DESTROY.name,
            subject_id: key.id.as_uuid(),
            subject_revision: key.revision,
            reason: reason.clone(),
            by,
        };
        let request = {
            let mut entropy = self.ambient.entropy();
            let mut env = Env {
                clock: self.ambient.clock(),
                entropy: &mut *entropy,
            };
            Approval::request(self.keyring, &mut env, registry.tenant(ctx)?, ask)?
        };
        let written: Result<(), PortError> = transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, key) = (ctx.clone(), key.clone());
            let (request, expired) = (request.clone(), expired.clone());
            Box::pin(
                async move { commit_request(&ctx, &mut env, unit, &key, &request, expired.as_ref()).await },
            )
        })
        .await;
        match written {
            Ok(()) => Ok(request),
            Err(error) => Err(KeysError::of_commit(error, KeysError::ChangedMeanwhile)),
        }
    }

    async fn approve_once(&self, ctx: &Ctx, id: ApprovalId) -> Result<KeyRecord, KeysError> {
        let (registry, request) = self.decidable(ctx, id).await?;
        let record = registry.find(KeyId::from_uuid(request.subject_id).into())?;
        if person(ctx)? == request.requested_by {
            return Err(ApprovalError::SamePerson.into());
        }
        if request.state == ApprovalState::Approved && record.state == KeyState::Destroyed {
            self.repeated(ctx, KEY_DESTROY_APPROVE, record.id).await?;
            return Ok(record.clone());
        }
        if record.state == KeyState::Destroyed {
            // Between the two somebody else approved.
            return Err(KeysError::ChangedMeanwhile);
        }
        let now = self.ambient.now();
        let approved = request.approve(self.keyring, &ctx.actor, now, record.revision)?;
        may_destroy(record, self.wraps(record).await?)?;
        has_settled(record, now, self.settle)?;
        let plan = self
            .plan_end(ctx, &registry, record, approved.reason.clone())
            .await?;
        self.destroy(ctx, plan.approved(approved)).await
    }

    async fn reject_once(&self, ctx: &Ctx, id: ApprovalId) -> Result<Approval, KeysError> {
        let (registry, request) = self.decidable(ctx, id).await?;
        if request.state == ApprovalState::Rejected {
            let key = KeyId::from_uuid(request.subject_id);
            self.repeated(ctx, KEY_DESTROY_REJECT, key).await?;
            return Ok(request);
        }
        let record = registry.find(KeyId::from_uuid(request.subject_id).into())?;
        let rejected = request.reject(self.keyring, &ctx.actor, self.ambient.now())?;
        let next = plan_rejection(self.keyring, record)?;
        let written: Result<(), PortError> = transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, next, rejected) = (ctx.clone(), next.clone(), rejected.clone());
            Box::pin(async move { commit_rejection(&ctx, &mut env, unit, &next, &rejected).await })
        })
        .await;
        written.map_err(|error| KeysError::of_commit(error, KeysError::ChangedMeanwhile))?;
        self.reload().await?;
        Ok(rejected)
    }

    /// What was asked for was done before: nothing changes, and that somebody asked is recorded.
    async fn repeated(&self, ctx: &Ctx, action: Action, key: KeyId) -> Result<(), PortError> {
        let resource = action.one(key.as_uuid());
        self.record(ctx, action, resource, |event| {
            event.detail("repeated", Detail::Bool(true))
        })
        .await
    }

    /// The registry, and the authentic request for the destruction of one of its keys.
    async fn decidable(&self, ctx: &Ctx, id: ApprovalId) -> Result<(Home, Approval), KeysError> {
        require(ctx, &permission::KEYS_MANAGE)?;
        // The request before the registry: whoever finds it decided finds what came of it, too.
        let found = self.reader.approval(id).await?;
        let registry = self.opened(ctx).await?;
        let request = found
            .filter(|request| {
                request.organization_id == ctx.organization_id && request.action == KEY_DESTROY.name
            })
            .ok_or(KeysError::RequestNotFound)?;
        request.authenticate(self.keyring)?;
        Ok((registry, request))
    }

    async fn plan_end(
        &self,
        ctx: &Ctx,
        registry: &Home,
        record: &KeyRecord,
        reason: Reason,
    ) -> Result<Plan, KeysError> {
        let now = self.ambient.now();
        let successor = registry.tenant(ctx)?;
        let live = self.reader.count(record).await?;
        let mut plan = Plan {
            change: plan_destruction(self.keyring, now, record, successor, reason)?,
            live,
            keysets: Vec::new(),
            usage: Vec::new(),
            requests: Vec::new(),
            approval: None,
        };
        if record.purpose == Purpose::Tenant {
            plan.keysets = self.handed_over(ctx, record, successor).await?;
            plan.usage = self.usage_handed_over(ctx, record).await?;
            plan.requests = self.requests_handed_over(record, successor).await?;
        }
        Ok(plan)
    }

    /// The keysets that a tenant key vouches for, as its successor vouches for them.
    async fn handed_over(
        &self,
        ctx: &Ctx,
        tenant: &KeyRecord,
        successor: &KeyRecord,
    ) -> Result<Vec<Keyset>, KeysError> {
        let now = self.ambient.now();
        let keysets = self.reader.keysets(Some(ctx.organization_id)).await?;
        let own = keysets
            .iter()
            .filter(|keyset| keyset.authenticated_by == tenant.id);
        let again = own.map(|keyset| {
            let policy = keyset.policy.clone();
            plan_keyset(
                self.keyring,
                now,
                successor,
                &keyset.purpose,
                Some(keyset),
                policy,
            )
        });
        Ok(again.collect::<Result<_, LoadError>>()?)
    }

    /// What is written down of keys' use that a tenant key vouches for, as the active one vouches for it.
    async fn usage_handed_over(&self, ctx: &Ctx, tenant: &KeyRecord) -> Result<Vec<UsageRecord>, KeysError> {
        let rows = self.reader.usage(Some(ctx.organization_id)).await?;
        let own = rows.iter().filter(|row| row.authenticated_by == tenant.id);
        let again = own.map(|row| {
            let nothing = UsageDelta {
                key_id: row.key_id,
                organization_id: row.organization_id,
                more: Usage::default(),
            };
            plan_usage(self.keyring, Some(row), &nothing)
        });
        Ok(again.collect::<Result<_, LoadError>>()?)
    }

    /// The requests that a tenant key vouches for, as its successor vouches for them: without, nobody could decide them or ask
    /// again.
    async fn requests_handed_over(
        &self,
        tenant: &KeyRecord,
        successor: &KeyRecord,
    ) -> Result<Vec<Approval>, KeysError> {
        let own = self.reader.approvals_under(tenant.id).await?.into_iter();
        let again = own.map(|request| request.hand_over(self.keyring, successor));
        Ok(again.collect::<Result<_, LoadError>>()?)
    }

    async fn destroy(&self, ctx: &Ctx, plan: Plan) -> Result<KeyRecord, KeysError> {
        let written: Result<(), PortError> = transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, plan) = (ctx.clone(), plan.clone());
            Box::pin(async move {
                for keyset in &plan.keysets {
                    commit_keyset(&ctx, &mut env, unit, keyset).await?;
                }
                for usage in &plan.usage {
                    unit.lifecycle().replace_usage(usage).await?;
                }
                for request in &plan.requests {
                    unit.lifecycle().replace_approval(request).await?;
                }
                let approval = plan.approval.as_ref();
                commit_destruction(&ctx, &mut env, unit, &plan.change, plan.live, approval).await
            })
        })
        .await;
        // The key is to leave this process at once, and whoever was faster may have taken it.
        self.reload().await?;
        match written {
            Ok(()) => Ok(plan.change.record),
            Err(error) => Err(KeysError::of_commit(error, KeysError::ChangedMeanwhile)),
        }
    }

    /// Whether any row of the registry hangs under `record`, those of single persons and destroyed ones included.
    async fn wraps(&self, record: &KeyRecord) -> Result<bool, PortError> {
        if record.purpose != Purpose::Tenant {
            return Ok(false);
        }
        Ok(!self.reader.list_wrapped_by(record.id, None, 1).await?.is_empty())
    }
}
