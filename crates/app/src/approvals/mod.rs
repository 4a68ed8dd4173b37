//! What takes two persons, beside the destruction of keys: to give and to take the role of super administrators, and to switch off or
//! silence a rule of the analysis. One asks, another approves, and the approval does it, in one transaction with all events.
//!
//! The request is the row that destructions of keys have ([`vutf_crypto_keys::Approval`]): under a MAC, about one version of its
//! subject, over after 24 hours, good once.

pub mod action;
mod decide;
mod error;
mod proposal;
mod request;

pub use self::{error::ApprovalsError, proposal::Proposal};

use std::sync::Arc;

use vutf_audit::analysis::{Analysis, RuleSet};
use vutf_crypto_keys::{
    Approval, ApprovalError, ApprovalState, KeyReader, Keyring, Person, action::KEY_DESTROY,
};
use vutf_identity::{
    Identity, records_refusal,
    role::{assign::AssignRoles, permission},
    session::is_break_glass,
    user::Profile,
};
use vutf_kernel::{
    Action, Ambient, Ctx, Detail, Env, Event, EventRecorder as _, Outcome, PortError, Question, Resource,
    Units, UseCaseError as _,
};

use self::action::APPROVAL_LIST;
use crate::UnitOfWork;

/// Requests that are looked at to show those that the caller may see.
const LISTED: u32 = 100;

/// The handles that the use cases of this module need.
pub struct Approvals<'a> {
    /// Opens transactions.
    pub units: &'a dyn Units<dyn UnitOfWork>,
    /// Reads requests without one.
    pub reader: &'a dyn KeyReader,
    /// Vouches for requests.
    pub keyring: &'a Keyring,
    /// Users and roles.
    pub identity: &'a Identity,
    /// The rules of the analysis.
    pub rules: &'a Arc<RuleSet>,
    /// Time and randomness.
    pub ambient: &'a Ambient,
}

/// What came of a change that may take two persons.
#[derive(Clone, Debug)]
pub enum Change<T> {
    /// It is done.
    Done(T),
    /// Another person has to approve it.
    Pending(Box<Approval>),
}

impl Approvals<'_> {
    /// Replaces somebody's roles; what takes two persons is asked for.
    pub async fn assign(&self, ctx: &Ctx, command: AssignRoles) -> Result<Change<Profile>, ApprovalsError> {
        use vutf_identity::role::assign::{AssignError, assign};
        match assign(ctx, self.identity, command.clone()).await {
            Ok(profile) => Ok(Change::Done(profile)),
            Err(takes_two @ (AssignError::GrantTakesTwo | AssignError::LossTakesTwo)) => {
                let proposal = match takes_two {
                    AssignError::GrantTakesTwo => Proposal::Grant(command.user_id),
                    _ => Proposal::Take(command.user_id),
                };
                let done = self.ask_for_role(ctx, &proposal, &command).await;
                self.asked(ctx, done)
                    .await
                    .map(|request| Change::Pending(Box::new(request)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Switches a rule off or tunes it; what takes two persons is asked for.
    pub async fn change_rule(
        &self,
        ctx: &Ctx,
        analysis: Analysis<'_>,
        rule: &str,
        change: vutf_audit::analysis::rules::RuleChange,
    ) -> Result<Change<vutf_audit::analysis::rules::RuleView>, ApprovalsError> {
        use vutf_audit::analysis::rules::update;
        if !self.identity.settings.authorization.two_person || change.enabled != Some(false) {
            return Ok(Change::Done(update(ctx, analysis, rule, change).await?));
        }
        let proposal = Proposal::Disable {
            rule: rule.to_owned(),
        };
        let done = if change.parameters.is_empty() {
            self.ask_for_rule(ctx, analysis, &proposal, rule, change.expected_version, None)
                .await
        } else {
            Err(ApprovalsError::Alone)
        };
        self.asked(ctx, done)
            .await
            .map(|request| Change::Pending(Box::new(request)))
    }

    /// Silences a rule; where that takes two persons it is asked for.
    pub async fn silence_rule(
        &self,
        ctx: &Ctx,
        analysis: Analysis<'_>,
        rule: &str,
        until: vutf_kernel::Timestamp,
        reason: &str,
    ) -> Result<Change<vutf_audit::analysis::rules::RuleView>, ApprovalsError> {
        use vutf_audit::analysis::rules::{check_silence, silence};
        if !self.identity.settings.authorization.two_person {
            return Ok(Change::Done(silence(ctx, analysis, rule, until, reason).await?));
        }
        let proposal = Proposal::Silence {
            rule: rule.to_owned(),
            until,
        };
        let done = match check_silence(self.ambient.now(), until, reason) {
            Ok(reason) => {
                self.ask_for_rule(ctx, analysis, &proposal, rule, None, Some(&reason))
                    .await
            }
            Err(error) => Err(error.into()),
        };
        self.asked(ctx, done)
            .await
            .map(|request| Change::Pending(Box::new(request)))
    }

    /// The newest requests that the caller may decide or has made, newest first. One that waits for a decision and is not authentic is an
    /// error: somebody else than the service has made it.
    pub async fn list(&self, ctx: &Ctx) -> Result<Vec<Approval>, ApprovalsError> {
        let done = self.found(ctx).await;
        self.audited(ctx, APPROVAL_LIST, APPROVAL_LIST.none(), done).await
    }

    async fn found(&self, ctx: &Ctx) -> Result<Vec<Approval>, ApprovalsError> {
        let caller = Person::of(&ctx.actor);
        let mut found = self.reader.approvals(ctx.organization_id, LISTED).await?;
        found.retain(|request| caller == Some(request.requested_by) || may_see(ctx, request));
        let open = found
            .iter()
            .filter(|request| request.state == ApprovalState::Open);
        for request in open {
            request.authenticate(self.keyring)?;
        }
        let ids: Vec<_> = found.iter().map(|request| request.id.as_uuid()).collect();
        let event = self.event(ctx, APPROVAL_LIST, APPROVAL_LIST.none(), Outcome::Success);
        let event = event.shows(&Question::all(APPROVAL_LIST), &ids);
        self.identity.record(event).await?;
        Ok(found)
    }

    fn event(&self, ctx: &Ctx, action: Action, resource: Resource, outcome: Outcome) -> Event {
        let mut entropy = self.ambient.entropy();
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut *entropy,
        };
        Event::new(ctx, &mut env, action.name, resource, outcome)
    }

    async fn asked(
        &self,
        ctx: &Ctx,
        done: Result<Approval, ApprovalsError>,
    ) -> Result<Approval, ApprovalsError> {
        let resource = action::APPROVAL_REQUEST.none();
        self.audited(ctx, action::APPROVAL_REQUEST, resource, done).await
    }

    /// Writes a refusal to the log.
    async fn audited<T: Send>(
        &self,
        ctx: &Ctx,
        action: Action,
        resource: Resource,
        done: Result<T, ApprovalsError>,
    ) -> Result<T, ApprovalsError> {
        if let Err(error) = &done
            && error.port().is_none()
            && records_refusal(error.class())
        {
            let event = self.event(ctx, action, resource, Outcome::refused(error.code()));
            self.identity.record(event).await?;
        }
        done
    }
}

/// Whether the caller may decide a request if they did not make it.
fn may_see(ctx: &Ctx, request: &Approval) -> bool {
    if request.action == KEY_DESTROY.name {
        return ctx.may(&permission::KEYS_READ);
    }
    Proposal::parse(&request.action, request.subject_id).is_some_and(|it| ctx.may(&it.permission()))
}

/// The person who acts. Whoever broke the glass may be anybody, the one who asked included.
pub(crate) fn person(ctx: &Ctx) -> Result<Person, ApprovalError> {
    if ctx.assurance.as_ref().is_some_and(is_break_glass) {
        return Err(ApprovalError::NotAPerson);
    }
    Person::of(&ctx.actor).ok_or(ApprovalError::NotAPerson)
}

/// What an event tells of a request.
fn told(event: Event, request: &Approval) -> Event {
    let event = event
        .detail("proposal", Detail::Text(request.action.clone()))
        .detail("subject", Detail::Text(request.subject_id.to_string()))
        .detail("requested_by", Detail::Text(request.requested_by.to_string()));
    match request.reason.note() {
        Some(note) => event.detail("note", Detail::Text(note.to_owned())),
        None => event,
    }
}

/// What went wrong at the commit of a decision.
fn raced(error: PortError) -> ApprovalsError {
    use vutf_kernel::Fault;
    if matches!(error.fault, Fault::Stale | Fault::Duplicate) {
        ApprovalsError::ChangedMeanwhile
    } else {
        error.into()
    }
}
