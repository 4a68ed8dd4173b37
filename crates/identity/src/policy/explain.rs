//! Why somebody may do something, or may not.

use std::net::IpAddr;

use uuid::Uuid;
use vutf_kernel::{Assurance, Ctx, Detail, Outcome, Permission, PolicyId, PortError, Timestamp, UserId};

use super::{ActorKind, Broken, PolicySet, Situation, Truth, decide::situation, put::roles_of};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    role::{self, permission},
    session::is_break_glass,
    work::{About, Work},
};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Explain {
    /// About whom; `None`: about the caller.
    pub subject: Option<UserId>,
    /// May they do what needs this?
    pub permission: Permission,
    /// To what kind of thing.
    pub resource_kind: Option<String>,
    /// To which.
    pub resource_id: Option<Uuid>,
    /// Under which circumstances. What is left out is that of the caller's own request, or unknown of somebody else.
    pub circumstances: Circumstances,
}

/// The circumstances of a request that is not made.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// When.
    pub at: Option<Timestamp>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// What was proved.
    pub assurance: Option<Assurance>,
    /// As what.
    pub actor: Option<ActorKind>,
}

/// Whether they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allow,
    /// No.
    Deny,
    /// A request would be refused or not, by what was not said here.
    Depends,
}

impl Verdict {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Depends => "depends",
        }
    }
}

/// A policy that is about what was asked.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Which.
    pub id: PolicyId,
    /// What it is called.
    pub name: String,
    /// Whether it holds, and so forbids.
    pub forbids: Truth,
    /// What is wrong with it.
    pub broken: Option<Broken>,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Whether they may.
    pub verdict: Verdict,
    /// About whom.
    pub subject: UserId,
    /// The roles that grant it; none: it is not granted.
    pub granted_by: Vec<String>,
    /// The policies that are about it.
    pub policies: Vec<Judged>,
    /// Whether no policy counts, because the session broke the glass.
    pub unbounded: bool,
}

use_case_error! {
    /// Why nothing is told.
    ExplainError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// No such permission.
        UnknownPermission => Invalid, "unknown_permission", "there is no such permission; see GET /api/v1/permissions";
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// Tells whether somebody may do something and why. About others it is for those who may see roles.
pub async fn explain(ctx: &Ctx, id: &Identity, command: Explain) -> Result<Explanation, ExplainError> {
    let about = About::kind(action::AUTHORIZATION_EXPLAIN).of(command.subject);
    let done = id.look(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, about, done).await
}

async fn apply(mut work: Work<'_, Explain>) -> Result<Explanation, ExplainError> {
    let command = work.command.clone();
    let caller = work.by().ok_or(ExplainError::NotSignedIn)?;
    if role::permission::ALL
        .iter()
        .all(|(name, _)| *name != command.permission.as_str())
    {
        return Err(ExplainError::UnknownPermission);
    }
    let subject = command.subject.unwrap_or(caller);
    let roles = roles(&mut work, subject, caller).await?;
    let organization = work.ctx.organization_id;
    let set = PolicySet::new(work.tx.policies().all(organization).await?);
    let unbounded = subject == caller && work.ctx.assurance.as_ref().is_some_and(is_break_glass);
    let known = role::within(&mut work, &roles).await?;
    let at = circumstances(&work, subject == caller, subject);
    let granted_by = known.granting(&roles, &command.permission);
    let policies = judged(&set, &roles, &command.permission, &at);
    let explanation = Explanation {
        verdict: verdict(&granted_by, &policies, unbounded),
        subject,
        granted_by,
        policies,
        unbounded,
    };
    tell(&mut work, &explanation).await?;
    Ok(explanation)
}

async fn roles(
    work: &mut Work<'_, Explain>,
    subject: UserId,
    caller: UserId,
) -> Result<Vec<String>, ExplainError> {
    if subject == caller {
        return Ok(roles_of(work).await?);
    }
    work.require(&permission::ROLES_READ)?;
    let organization = work.ctx.organization_id;
    let found = work.tx.users().find(organization, subject).await?;
    let user = found.ok_or(ExplainError::NotFound)?;
    Ok(work.tx.roles().of_user(organization, user.id).await?)
}

fn circumstances<'a>(work: &'a Work<'_, Explain>, of_caller: bool, subject: UserId) -> Situation<'a> {
    let command = &work.command;
    let said = &command.circumstances;
    let known = if of_caller {
        situation(&work.ctx, work.env.now())
    } else {
        Situation {
            now: Some(work.env.now()),
            ..Situation::default()
        }
    };
    let is_user = command.resource_kind.as_deref() == Some("user");
    Situation {
        now: said.at.or(known.now),
        user: Some(subject),
        actor: said.actor.or(known.actor),
        assurance: said.assurance.as_ref().map(Some).or(known.assurance),
        ip: said.ip.or(known.ip),
        moved: known.moved,
        resource_kind: command.resource_kind.as_deref(),
        resource_id: command.resource_id,
        own: command
            .resource_id
            .filter(|_| is_user)
            .map(|id| id == subject.as_uuid()),
    }
}

fn judged(set: &PolicySet, roles: &[String], permission: &Permission, at: &Situation<'_>) -> Vec<Judged> {
    let about = set.about(roles, permission, at);
    about
        .map(|matched| Judged {
            id: matched.policy.id,
            name: matched.policy.name.as_str().to_owned(),
            forbids: matched.holds,
            broken: matched.policy.broken,
        })
        .collect()
}

fn verdict(granted_by: &[String], policies: &[Judged], unbounded: bool) -> Verdict {
    let forbids = policies.iter().map(|policy| policy.forbids).max();
    match forbids {
        _ if granted_by.is_empty() => Verdict::Deny,
        _ if unbounded => Verdict::Allow,
        Some(Truth::Yes) => Verdict::Deny,
        Some(Truth::Unknown) => Verdict::Depends,
        Some(Truth::No) | None => Verdict::Allow,
    }
}

async fn tell(work: &mut Work<'_, Explain>, explanation: &Explanation) -> Result<(), PortError> {
    let about = About::kind(action::AUTHORIZATION_EXPLAIN).of(explanation.subject);
    let (asked, verdict) = (work.command.permission.as_str().to_owned(), explanation.verdict);
    work.raise(&about, Outcome::Success, |event| {
        event
            .detail("permission", Detail::Text(asked))
            .detail("verdict", Detail::Text(verdict.as_str().to_owned()))
    })
    .await
}
