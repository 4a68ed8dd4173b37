//! A person asks to be erased.

use vutf_kernel::{Actor, Ctx, Detail, Outcome, Secret, UserId};

use super::{ErasureRequest, fresh_receipt};
use crate::{
    Identity, RuleError, User, action,
    mail::{self, MailKind},
    mfa::{
        InsufficientAuthentication,
        freshness::{FRESH, FRESH_SECOND_FACTOR},
    },
    refresh::TokenHash,
    refusal::use_case_error,
    role::permission,
    session::login::obstacle,
    user::reach::{Target, not_last_super_admin},
    work::{About, Work},
};

use_case_error! {
    /// Why nobody is to be erased.
    AskForErasureError {
        /// The caller is in no session, or the account is gone.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// It is asked for already.
        AskedAlready => Conflict, "erasure_requested", "it is asked for already; its receipt was shown then";
    } {
        /// A permission is missing, or it is the last super administrator.
        Rule(RuleError);
        /// The session has not proved enough, or not lately.
        Fresh(InsufficientAuthentication);
    }
}

/// A request that was just made, with what is shown once.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The request.
    pub request: ErasureRequest,
    /// By which its person learns, without an account, what became of it.
    pub receipt: Secret<String>,
}

/// Asks. Whoever has a second factor proves it for this; nobody does it with an API key.
pub async fn ask(ctx: &Ctx, id: &Identity) -> Result<Asked, AskForErasureError> {
    let about = match ctx.actor.user_id() {
        Some(user) => About::user(action::ERASURE_REQUEST, user),
        None => About::kind(action::ERASURE_REQUEST),
    };
    let done = id.run(ctx, (), |work| Box::pin(apply(work))).await;
    id.audited(ctx, about, done).await
}

async fn apply(mut work: Work<'_, ()>) -> Result<Asked, AskForErasureError> {
    let user = admitted(&mut work).await?;
    let now = work.now();
    let receipt = fresh_receipt(work.env.entropy);
    let request = ErasureRequest {
        organization_id: user.organization_id,
        user_id: user.id,
        receipt: TokenHash::of(receipt.expose()),
        requested_at: now,
        due_at: now.plus(work.id.settings.erasure_delay),
        done_at: None,
    };
    if !work.tx.erasure_requests().put(&request).await? {
        return Err(AskForErasureError::AskedAlready);
    }
    mail::notify(&mut work, &user, MailKind::ErasureRequested, &user.email).await?;
    let due = request.due_at.rfc3339();
    let about = About::user(action::ERASURE_REQUEST, user.id);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("due", Detail::Text(due))
    })
    .await?;
    Ok(Asked { request, receipt })
}

/// The caller, if they may be erased as things are. Roles may change meanwhile: it is looked at again then.
async fn admitted(work: &mut Work<'_, ()>) -> Result<User, AskForErasureError> {
    let user = proved::<_, AskForErasureError>(work).await?;
    let user = user.ok_or(AskForErasureError::NotSignedIn)?;
    let roles = work.tx.roles().of_user(user.organization_id, user.id).await?;
    let target = Target { user, roles };
    not_last_super_admin::<_, AskForErasureError>(work, &target).await?;
    Ok(target.user)
}

/// The caller's own account, if they have proved lately who they are, by all that they can: what they ask for is worth that.
pub(crate) async fn proved<C, E>(work: &mut Work<'_, C>) -> Result<Option<User>, E>
where
    E: From<vutf_kernel::PortError> + From<RuleError> + From<InsufficientAuthentication>,
{
    let Some(user) = work.signed_in() else {
        return Ok(None);
    };
    work.require(&permission::SELF_MANAGE)?;
    let (organization, now) = (work.ctx.organization_id, work.now());
    work.tx.roles().lock_organization(organization).await?;
    let found = work.tx.users().find(organization, user).await?;
    let Some(user) = found.filter(|user| obstacle(user).is_none()) else {
        return Ok(None);
    };
    let demand = match work.tx.mfa().confirmed(organization, user.id).await? {
        Some(_) => FRESH_SECOND_FACTOR,
        None => FRESH,
    };
    demand.check(&work.ctx, now)?;
    Ok(Some(user))
}

/// The caller, for what needs a session and nothing more.
pub(super) fn in_session(actor: &Actor) -> Option<UserId> {
    actor.signed_in()
}
