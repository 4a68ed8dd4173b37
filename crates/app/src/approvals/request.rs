//! One person asks.

use vutf_audit::analysis::{Analysis, rules};
use vutf_crypto_keys::{
    Approval, ApprovalState, KeyRecord, KeysTx, LoadError, Purpose, Reason, ReasonCode, approval::Ask,
    due::active,
};
use vutf_identity::role::assign::{AssignError, AssignRoles, differs_in_super_admin_alone};
use vutf_kernel::{Ctx, Env, Outcome, PortError, UserId, transact};

use super::{Approvals, ApprovalsError, Proposal, action::APPROVAL_REQUEST, person, raced, told};

impl Approvals<'_> {
    pub(super) async fn ask_for_role(
        &self,
        ctx: &Ctx,
        proposal: &Proposal,
        command: &AssignRoles,
    ) -> Result<Approval, ApprovalsError> {
        let (version, before) = self.standing(ctx, command.user_id).await?;
        if !differs_in_super_admin_alone(&before, &command.roles) {
            return Err(ApprovalsError::Alone);
        }
        let revision = u64::try_from(version).unwrap_or_default();
        self.ask(ctx, proposal, revision, None).await
    }

    pub(super) async fn ask_for_rule(
        &self,
        ctx: &Ctx,
        analysis: Analysis<'_>,
        proposal: &Proposal,
        rule: &str,
        expected: Option<i64>,
        note: Option<&str>,
    ) -> Result<Approval, ApprovalsError> {
        let needed = proposal.permission();
        if !ctx.may(&needed) {
            return Err(ApprovalsError::Denied(needed));
        }
        let version = rules::version(ctx, analysis, rule, expected).await?;
        let revision = u64::try_from(version).unwrap_or_default();
        self.ask(ctx, proposal, revision, note).await
    }

    /// Version and roles of a user. That the caller may give them roles was found out before.
    async fn standing(&self, ctx: &Ctx, user: UserId) -> Result<(i64, Vec<String>), ApprovalsError> {
        let organization = ctx.organization_id;
        transact(self.units, self.ambient, |unit, _| {
            Box::pin(async move {
                let found = unit.users().find(organization, user).await?;
                let found = found.ok_or(ApprovalsError::Assign(AssignError::NotFound))?;
                let roles = unit.roles().of_user(organization, user).await?;
                Ok((found.stamps.version, roles))
            })
        })
        .await
    }

    async fn ask(
        &self,
        ctx: &Ctx,
        proposal: &Proposal,
        revision: u64,
        note: Option<&str>,
    ) -> Result<Approval, ApprovalsError> {
        let by = person(ctx)?;
        let subject = proposal.subject(ctx.organization_id);
        let expired = self.in_the_way(subject, revision).await?;
        let tenant = self.tenant(ctx).await?;
        let action = proposal.action();
        let reason = Reason::new(ReasonCode::Unspecified, note)?;
        let request = {
            let mut entropy = self.ambient.entropy();
            let mut env = Env {
                clock: self.ambient.clock(),
                entropy: &mut *entropy,
            };
            let ask = Ask {
                action: &action,
                subject_id: subject,
                subject_revision: revision,
                reason,
                by,
            };
            Approval::request(self.keyring, &mut env, &tenant, ask)?
        };
        let written: Result<(), PortError> = transact(self.units, self.ambient, |unit, mut env| {
            let (ctx, request, expired) = (ctx.clone(), request.clone(), expired.clone());
            Box::pin(async move {
                if let Some(expired) = &expired {
                    unit.lifecycle().replace_approval(expired).await?;
                }
                unit.lifecycle().insert_approval(&request).await?;
                let resource = APPROVAL_REQUEST.one(request.id.as_uuid());
                let event = vutf_kernel::Event::new(
                    &ctx,
                    &mut env,
                    APPROVAL_REQUEST.name,
                    resource,
                    Outcome::Success,
                );
                KeysTx::events(unit).append(told(event, &request)).await
            })
        })
        .await;
        written.map_err(raced)?;
        Ok(request)
    }

    /// The end of a request that is over and stands in the way; refuses where one is open.
    async fn in_the_way(
        &self,
        subject: uuid::Uuid,
        revision: u64,
    ) -> Result<Option<Approval>, ApprovalsError> {
        let now = self.ambient.now();
        match self.reader.open_approval(subject).await? {
            Some(open) if open.state_at(now) == ApprovalState::Open && open.subject_revision == revision => {
                open.authenticate(self.keyring)?;
                Err(ApprovalsError::Requested(open.id))
            }
            Some(over) => Ok(Some(over.expire(self.keyring, now)?)),
            None => Ok(None),
        }
    }

    async fn tenant(&self, ctx: &Ctx) -> Result<KeyRecord, ApprovalsError> {
        let organization_id = ctx.organization_id;
        let records = self.reader.list(Some(organization_id)).await?;
        let found = active(&records, organization_id, &Purpose::Tenant).cloned();
        Ok(found.ok_or(LoadError::NoTenantKey { organization_id })?)
    }
}
