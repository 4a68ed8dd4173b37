//! Changes one's own address: asked for in a fresh session, confirmed by a link to the new address, and announced to the old one
//! with a link by which its owner objects, before the change or after it, for a while.

use vutf_kernel::{Ctx, PortError, Secret, UserId};

use super::{User, UserStatus, reach::save_names};
use crate::{
    Email, Identity, IdentityTaken, RuleError, action,
    link::{self, LinkInvalid, LinkPurpose},
    mail::{self, MailKind, MailOff},
    mfa::{
        InsufficientAuthentication,
        freshness::{FRESH, FRESH_SECOND_FACTOR},
    },
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// The address to be.
#[derive(Debug)]
pub struct ChangeEmail {
    /// It.
    pub email: Email,
}

use_case_error! {
    /// Why no link was sent.
    ChangeEmailError {
        /// The caller is in no session, or the account is gone.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// It is the account's address already.
        Unchanged => Conflict, "email_unchanged", "this is the address already";
        /// The owner of the address before may still object. Another change would take that from them.
        Recent => Conflict, "email_changed_recently", "the address was changed lately; change it again when the time to object is over";
    } {
        /// A permission is missing.
        Rule(RuleError);
        /// The last proof is too old.
        Fresh(InsufficientAuthentication);
        /// Nobody sends mail here.
        Off(MailOff);
    }
}

/// Sends a link to the new address, and another to the old one. Whether the new one is somebody else's is not told: only who reads
/// it can go on.
pub async fn change_email(ctx: &Ctx, id: &Identity, command: ChangeEmail) -> Result<(), ChangeEmailError> {
    let about = match ctx.actor.user_id() {
        Some(user) => About::user(action::EMAIL_CHANGE, user),
        None => About::kind(action::EMAIL_CHANGE),
    };
    let done = id.run(ctx, command, |work| Box::pin(ask(work))).await;
    id.audited(ctx, about, done).await
}

async fn ask(mut work: Work<'_, ChangeEmail>) -> Result<(), ChangeEmailError> {
    let user = work.signed_in().ok_or(ChangeEmailError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    FRESH.check(&work.ctx, now)?;
    if work.tx.mfa().confirmed(organization, user).await?.is_some() {
        FRESH_SECOND_FACTOR.check(&work.ctx, now)?;
    }
    let user = work.tx.users().find(organization, user).await?;
    let user = user.ok_or(ChangeEmailError::NotSignedIn)?;
    let new = work.command.email.clone();
    if new == user.email {
        return Err(ChangeEmailError::Unchanged);
    }
    if !work.id.settings.mail.enabled {
        return Err(MailOff.into());
    }
    let objection = LinkPurpose::ObjectEmail;
    let open = work.tx.links().of_user(organization, user.id, objection).await?;
    if open.is_some_and(|open| now < open.expires_at && open.address != user.email) {
        return Err(ChangeEmailError::Recent);
    }
    send(&mut work, &user, &new).await?;
    Ok(work.done(&About::user(action::EMAIL_CHANGE, user.id)).await?)
}

async fn send(work: &mut Work<'_, ChangeEmail>, user: &User, new: &Email) -> Result<(), PortError> {
    let (change, object) = {
        let settings = &work.id.settings.mail;
        (settings.change_life, settings.objection_life)
    };
    let token = link::issue(work, user, LinkPurpose::ChangeEmail, new, change).await?;
    mail::post(work, user, MailKind::EmailChange, new, token, change).await?;
    let old = user.email.clone();
    let token = link::issue(work, user, LinkPurpose::ObjectEmail, &old, object).await?;
    mail::post(work, user, MailKind::EmailObjection, &old, token, object).await
}

/// A link.
#[derive(Debug)]
pub struct ConfirmEmail {
    /// From the mail to the new address.
    pub token: Secret<String>,
}

use_case_error! {
    /// Why the address is as it was.
    ConfirmEmailError {
    } {
        /// The link is not good.
        Link(LinkInvalid);
        /// The address is another account's.
        Taken(IdentityTaken);
    }
}

/// Puts the address to which the link was mailed into the place of the account's. Links that were mailed to the old one end, but for
/// the objection.
pub async fn confirm_email(ctx: &Ctx, id: &Identity, command: ConfirmEmail) -> Result<(), ConfirmEmailError> {
    let done = id.run(ctx, command, |work| Box::pin(confirm(work))).await;
    let link = match &done {
        Err(ConfirmEmailError::Link(link)) => Some(*link),
        _ => None,
    };
    let user = id.audited_link(ctx, action::EMAIL_CONFIRM, link, done).await?;
    id.sessions.forget_user(user);
    Ok(())
}

async fn confirm(mut work: Work<'_, ConfirmEmail>) -> Result<UserId, ConfirmEmailError> {
    let token = work.command.token.clone();
    let purpose = LinkPurpose::ChangeEmail;
    let (link, user) = link::look_up::<_, ConfirmEmailError>(&mut work, &token, purpose).await?;
    if matches!(user.status, UserStatus::Locked | UserStatus::Disabled) {
        return Err(LinkInvalid::of(user.id, user.status.as_str()).into());
    }
    link::spend::<_, ConfirmEmailError>(&mut work, &link).await?;
    let old = user.email.clone();
    let mut user = user.email_proved(work.now());
    user.email = link.address.clone();
    save_names::<_, ConfirmEmailError>(&mut work, &user).await?;
    link::end(&mut work, user.id, &LinkPurpose::ENDED_BY_ADDRESS).await?;
    mail::notify(&mut work, &user, MailKind::EmailChanged, &old).await?;
    work.done(&About::written(action::EMAIL_CONFIRM, &user)).await?;
    Ok(user.id)
}
