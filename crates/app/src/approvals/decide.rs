//! Another person decides.

use std::sync::Arc;

use vutf_audit::analysis::{RuleSet, rules};
use vutf_crypto_keys::{Approval, ApprovalError, ApprovalState, KeysTx, Person};
use vutf_identity::{
    Identity, UserStatus,
    role::{
        self, CustomRoles,
        assign::{AssignError, AssignRoles, assign_approved},
    },
};
use vutf_kernel::{Action, ApprovalId, Ctx, Env, Event, Grants, Outcome, PortError, transact};

use super::{
    Approvals, ApprovalsError, Proposal,
    action::{APPROVAL_APPROVE, APPROVAL_REJECT},
    person, raced, told,
};
use crate::UnitOfWork;

impl Approvals<'_> {
    /// Approves a request of somebody else, and does what it asks for in the same transaction. Of several who decide at once one does.
    pub async fn approve(&self, ctx: &Ctx, id: ApprovalId) -> Result<Approval, ApprovalsError> {
        let done = self.approve_once(ctx, id).await;
        let resource = APPROVAL_APPROVE.one(id.as_uuid());
        let approved = self.audited(ctx, APPROVAL_APPROVE, resource, done).await?;
        let proposal = Proposal::parse(&approved.action, approved.subject_id);
        if let Some(Proposal::Grant(user) | Proposal::Take(user)) = proposal {
            self.identity.sessions.forget_user(user);
        }
        Ok(approved)
    }

    /// Rejects a request, or takes one's own back.
    pub async fn reject(&self, ctx: &Ctx, id: ApprovalId) -> Result<Approval, ApprovalsError> {
        let done = self.reject_once(ctx, id).await;
        let resource = APPROVAL_REJECT.one(id.as_uuid());
        self.audited(ctx, APPROVAL_REJECT, resource, done).await
    }

    /// The authentic request and what it proposes, if the caller may decide it or has made it.
    async fn decidable(&self, ctx: &Ctx, id: ApprovalId) -> Result<(Approval, Proposal), ApprovalsError> {
        let found = self.reader.approval(id).await?;
        let request = found.filter(|request| request.organization_id == ctx.organization_id);
        let request = request.ok_or(ApprovalsError::NotFound)?;
        let proposal =
            Proposal::parse(&request.action, request.subject_id).ok_or(ApprovalsError::NotFound)?;
        let needed = proposal.permission();
        if !ctx.may(&needed) {
            return Err(ApprovalsError::Denied(needed));
        }
        request.authenticate(self.keyring)?;
        Ok((request, proposal))
    }

    async fn approve_once(&self, ctx: &Ctx, id: ApprovalId) -> Result<Approval, ApprovalsError> {
        let (request, proposal) = self.decidable(ctx, id).await?;
        if person(ctx)? == request.requested_by {
            return Err(ApprovalError::SamePerson.into());
        }
        let revision = self.revision(ctx, &proposal).await?;
        let now = self.ambient.now();
        let approved = request.approve(self.keyring, &ctx.actor, now, revision)?;
        let work = Arc::new(Decided {
            ctx: ctx.clone(),
            identity: self.identity.clone(),
            rules: Arc::clone(self.rules),
            request: approved.clone(),
            proposal,
        });
        let done: Result<(), ApprovalsError> = transact(self.units, self.ambient, |unit, env| {
            let work = Arc::clone(&work);
            Box::pin(async move { work.carry_out(unit, env).await })
        })
        .await;
        done?;
        Ok(approved)
    }

    /// The present version of what a request is about. What is done is done to this one, or not at all.
    async fn revision(&self, ctx: &Ctx, proposal: &Proposal) -> Result<u64, ApprovalsError> {
        let organization = ctx.organization_id;
        let version: Result<i64, ApprovalsError> = transact(self.units, self.ambient, |unit, _| {
            let proposal = proposal.clone();
            Box::pin(async move {
                Ok(match proposal {
                    Proposal::Grant(user) | Proposal::Take(user) => {
                        let found = unit.users().find(organization, user).await?;
                        found.ok_or(AssignError::NotFound)?.stamps.version
                    }
                    Proposal::Disable { rule } | Proposal::Silence { rule, .. } => {
                        let found = unit.analysis().rule(organization, &rule).await?;
                        found.map_or(0, |settings| settings.stamps.version)
                    }
                })
            })
        })
        .await;
        Ok(u64::try_from(version?).unwrap_or_default())
    }

    async fn reject_once(&self, ctx: &Ctx, id: ApprovalId) -> Result<Approval, ApprovalsError> {
        let (request, proposal) = self.decidable(ctx, id).await?;
        person(ctx)?;
        if request.state == ApprovalState::Rejected {
            let resource = APPROVAL_REJECT.one(id.as_uuid());
            let event = self.event(ctx, APPROVAL_REJECT, resource, Outcome::Success);
            let event = event.detail("repeated", vutf_kernel::Detail::Bool(true));
            vutf_kernel::EventRecorder::record(self.identity, event).await?;
            return Ok(request);
        }
        let rejected = request.reject(self.keyring, &ctx.actor, self.ambient.now())?;
        let work = Arc::new(Decided {
            ctx: ctx.clone(),
            identity: self.identity.clone(),
            rules: Arc::clone(self.rules),
            request: rejected.clone(),
            proposal,
        });
        let written: Result<(), PortError> = transact(self.units, self.ambient, |unit, mut env| {
            let work = Arc::clone(&work);
            Box::pin(async move {
                unit.lifecycle().replace_approval(&work.request).await?;
                work.tell(unit, &mut env, APPROVAL_REJECT, &work.request).await
            })
        })
        .await;
        written.map_err(raced)?;
        Ok(rejected)
    }
}

/// A decision under way.
struct Decided {
    ctx: Ctx,
    identity: Identity,
    rules: Arc<RuleSet>,
    request: Approval,
    proposal: Proposal,
}

impl Decided {
    /// The approval, and what it is about, in one transaction.
    async fn carry_out<'a>(
        &self,
        unit: &'a mut (dyn UnitOfWork + 'static),
        mut env: Env<'a>,
    ) -> Result<(), ApprovalsError> {
        self.requester_still_may(unit).await?;
        unit.lifecycle()
            .replace_approval(&self.request)
            .await
            .map_err(raced)?;
        self.tell(unit, &mut env, APPROVAL_APPROVE, &self.request).await?;
        let version = i64::try_from(self.request.subject_revision).unwrap_or_default();
        match &self.proposal {
            Proposal::Grant(user) | Proposal::Take(user) => {
                let before = unit.roles().of_user(self.ctx.organization_id, *user).await?;
                let command = AssignRoles {
                    user_id: *user,
                    expected_version: Some(version),
                    roles: self.proposal.roles(&before),
                };
                assign_approved(&self.ctx, &self.identity, unit, env, command).await?;
            }
            Proposal::Disable { rule } => {
                rules::disable_approved(unit, env, &self.ctx, &self.rules, rule, version).await?;
            }
            Proposal::Silence { rule, until } => {
                let silence = (*until, self.request.reason.note().unwrap_or("approved"));
                rules::silence_approved(unit, env, &self.ctx, &self.rules, rule, version, silence).await?;
            }
        }
        Ok(())
    }

    /// Both persons hold what it takes when it is done, not only when it was asked for. Whoever has the machine always does.
    async fn requester_still_may(&self, unit: &mut (dyn UnitOfWork + 'static)) -> Result<(), ApprovalsError> {
        let Person::User(user) = self.request.requested_by else {
            return Ok(());
        };
        let organization = self.ctx.organization_id;
        let found = unit.users().find(organization, user).await?;
        if found.is_none_or(|user| user.status != UserStatus::Active) {
            return Err(ApprovalsError::RequesterBarred);
        }
        let held = unit.roles().of_user(organization, user).await?;
        let known = CustomRoles::new(unit.custom_roles().all(organization).await?);
        let held = known.grants(&held);
        let needed = match &self.proposal {
            Proposal::Grant(_) | Proposal::Take(_) => role::everything(),
            other => [other.permission()].into_iter().collect::<Grants>(),
        };
        if held.covers(&needed) {
            Ok(())
        } else {
            Err(ApprovalsError::RequesterBarred)
        }
    }

    async fn tell(
        &self,
        unit: &mut (dyn UnitOfWork + 'static),
        env: &mut Env<'_>,
        action: Action,
        request: &Approval,
    ) -> Result<(), PortError> {
        let resource = action.one(request.id.as_uuid());
        let event = Event::new(&self.ctx, env, action.name, resource, Outcome::Success);
        KeysTx::events(unit).append(told(event, request)).await
    }
}
