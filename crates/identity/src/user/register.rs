//! A stranger makes an account.

use vutf_kernel::{Ctx, Detail, Outcome, PortError, Secret};

use super::{
    User, UserKind,
    account::{self, NewAccount},
};
use crate::{
    Email, Identity, IdentityTaken, Username, action,
    invitation::{InvitationInvalid, accept::accept},
    link::{self, LinkPurpose},
    mail::{self, MailKind},
    password::{HashError, PasswordContext, PasswordError},
    refusal::use_case_error,
    work::{About, Work},
};

/// A stranger makes an account.
#[derive(Debug)]
pub struct Register {
    /// The name.
    pub username: Username,
    /// The address.
    pub email: Email,
    /// The password as typed.
    pub password: Secret<String>,
    /// From an invitation.
    pub invitation: Option<Secret<String>>,
}

use_case_error! {
    /// Why no account was made.
    RegisterError {
        /// Only administrators make accounts here.
        Closed => Forbidden, "registration_closed", "registration is closed";
        /// Only whoever is invited makes an account here.
        NotInvited => Forbidden, "invitation_needed", "registration is by invitation";
    } {
        /// The password.
        Password(PasswordError);
        /// The name or the address.
        Taken(IdentityTaken);
        /// The invitation is not good.
        Invitation(InvitationInvalid);
        /// No hash can be computed now.
        Hash(HashError);
    }
}

/// Makes an account with the role that everybody has.
pub async fn register(ctx: &Ctx, id: &Identity, command: Register) -> Result<User, RegisterError> {
    let done = attempt(ctx, id, command).await;
    id.audited(ctx, About::kind(action::USER_REGISTER), done).await
}

async fn attempt(ctx: &Ctx, id: &Identity, command: Register) -> Result<User, RegisterError> {
    let settings = &id.settings;
    match &command.invitation {
        _ if settings.open_registration => {}
        Some(_) if settings.by_invitation => {}
        None if settings.by_invitation => return Err(RegisterError::NotInvited),
        _ => return Err(RegisterError::Closed),
    }
    let Register {
        username,
        email,
        password,
        invitation,
    } = command;
    let context = PasswordContext::new(&username, &email);
    id.settings.password.check(&password, context)?;
    id.refuse_breached::<RegisterError>(ctx, &password).await?;
    let account = NewAccount {
        kind: UserKind::Person,
        phc: Some(id.hash_password(&password).await?),
        username,
        email,
        display_name: None,
        phone: None,
        verified: id.settings.verified_at_once,
        must_change: false,
        roles: Vec::new(),
    };
    let asked = Asked { account, invitation };
    id.run(ctx, asked, |work| Box::pin(apply(work))).await
}

struct Asked {
    account: NewAccount,
    invitation: Option<Secret<String>>,
}

async fn apply(mut work: Work<'_, Asked>) -> Result<User, RegisterError> {
    let asked = work.command.clone();
    let mut account = asked.account.clone();
    let mut invited = None;
    if let Some(token) = &asked.invitation {
        let invitation = accept::<_, RegisterError>(&mut work, token, &account.email).await?;
        // The token came to the address.
        account.verified = true;
        account.roles = invitation.roles;
        invited = Some(invitation.id);
    }
    let user = account::open::<_, RegisterError>(&mut work, &account).await?;
    if user.email_verified_at.is_none() && work.id.settings.mail.enabled {
        send_verification(&mut work, &user).await?;
    }
    let about = About::written(action::USER_REGISTER, &user);
    let roles = account::role_names(&account.roles);
    work.raise(&about, Outcome::Success, |event| match invited {
        Some(id) => event
            .detail("invitation", Detail::Text(id.to_string()))
            .detail("roles", Detail::List(roles)),
        None => event,
    })
    .await?;
    Ok(user)
}

async fn send_verification(work: &mut Work<'_, Asked>, user: &User) -> Result<(), PortError> {
    let life = work.id.settings.mail.verify_life;
    let purpose = LinkPurpose::VerifyEmail;
    let token = link::issue(work, user, purpose, &user.email, life).await?;
    mail::post(work, user, MailKind::Verification, &user.email, token, life).await
}
