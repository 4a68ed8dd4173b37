//! Invites somebody.

use vutf_kernel::{Ctx, Detail, InvitationId, Outcome};

use super::Invitation;
use crate::{
    Email, Identity, LoginName, RuleError, action, link,
    mail::{self, MailOff},
    refresh::TokenHash,
    refusal::use_case_error,
    role::{self, permission},
    user::create::may_give,
    work::{About, Work},
};

/// Invites somebody.
#[derive(Clone, Debug)]
pub struct Invite {
    /// To what address.
    pub email: Email,
    /// Roles beside the one that everybody has; any needs `roles:assign`.
    pub roles: Vec<String>,
}

use_case_error! {
    /// Why nobody was invited.
    InviteError {
        /// A role that does not exist.
        UnknownRole => Invalid, "unknown_role", "there is no such role";
        /// There is an account of the address.
        Registered => Conflict, "already_registered", "there is an account of this address";
        /// Nobody makes accounts but administrators.
        Closed => Forbidden, "registration_closed", "registration is closed";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// Nobody sends mail here.
        Off(MailOff);
    }
}

/// Mails an invitation, in the place of an earlier one to the same address.
pub async fn invite(ctx: &Ctx, id: &Identity, command: Invite) -> Result<Invitation, InviteError> {
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, About::kind(action::INVITATION_CREATE), done)
        .await
}

async fn apply(mut work: Work<'_, Invite>) -> Result<Invitation, InviteError> {
    work.require(&permission::USERS_WRITE)?;
    let command = work.command.clone();
    let known = role::within(&mut work, &command.roles).await?;
    if known.lacks_one_of(&command.roles) {
        return Err(InviteError::UnknownRole);
    }
    may_give(&work.ctx, &work.id, &known, &command.roles)?;
    let settings = work.id.settings.clone();
    if !settings.mail.enabled {
        return Err(MailOff.into());
    }
    if !settings.open_registration && !settings.by_invitation {
        return Err(InviteError::Closed);
    }
    let organization = work.ctx.organization_id;
    let name = LoginName::Email(command.email.clone());
    if work
        .tx
        .users()
        .find_by_login(organization, &name)
        .await?
        .is_some()
    {
        return Err(InviteError::Registered);
    }
    let (now, life) = (work.now(), settings.mail.invitation_life);
    let token = link::fresh(work.env.entropy);
    let tag = work
        .id
        .names
        .hash(organization, command.email.canonical().expose().as_bytes())?;
    let mut roles = command.roles.clone();
    roles.sort_unstable();
    roles.dedup();
    let invitation = Invitation {
        id: InvitationId::generate(work.env.clock, work.env.entropy),
        organization_id: organization,
        hash: TokenHash::of(token.expose()),
        email: command.email.clone(),
        tag,
        roles: roles.clone(),
        expires_at: now.plus(life),
        created_by: work.by(),
        created_at: now,
    };
    work.tx.invitations().put(&invitation).await?;
    mail::post_invitation(&mut work, &command.email, token, life).await?;
    let about = About::invitation(action::INVITATION_CREATE, invitation.id);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("roles", Detail::List(roles))
    })
    .await?;
    Ok(invitation)
}
