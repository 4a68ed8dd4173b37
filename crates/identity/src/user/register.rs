//! A stranger makes an account.

use vutf_kernel::{Ctx, PortError, Secret};

use super::{
    User,
    account::{self, NewAccount},
};
use crate::{
    Email, Identity, IdentityTaken, Username, action,
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
}

use_case_error! {
    /// Why no account was made.
    RegisterError {
        /// Only administrators make accounts here.
        Closed => Forbidden, "registration_closed", "registration is closed";
    } {
        /// The password.
        Password(PasswordError);
        /// The name or the address.
        Taken(IdentityTaken);
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
    if !id.settings.open_registration {
        return Err(RegisterError::Closed);
    }
    let Register {
        username,
        email,
        password,
    } = command;
    let context = PasswordContext::new(&username, &email);
    id.settings.password.check(&password, context)?;
    let account = NewAccount {
        phc: Some(id.hash_password(&password).await?),
        username,
        email,
        display_name: None,
        phone: None,
        verified: id.settings.verified_at_once,
        roles: Vec::new(),
    };
    id.run(ctx, account, |work| Box::pin(apply(work))).await
}

async fn apply(mut work: Work<'_, NewAccount>) -> Result<User, RegisterError> {
    let account = work.command.clone();
    let user = account::open::<_, RegisterError>(&mut work, &account).await?;
    if user.email_verified_at.is_none() && work.id.settings.mail.enabled {
        send_verification(&mut work, &user).await?;
    }
    work.done(&About::written(action::USER_REGISTER, &user)).await?;
    Ok(user)
}

async fn send_verification(work: &mut Work<'_, NewAccount>, user: &User) -> Result<(), PortError> {
    let life = work.id.settings.mail.verify_life;
    let purpose = LinkPurpose::VerifyEmail;
    let token = link::issue(work, user, purpose, &user.email, life).await?;
    mail::post(work, user, MailKind::Verification, &user.email, token, life).await
}
