//! Requests are answered while the queue is worked on: only here it is looked up whether there is such an account.

use vutf_kernel::{Detail, Outcome, PortError, UserId};

use super::{Letter, MailKind, post};
use crate::{
    Email, LoginName, User, UserKind, UserStatus, action,
    guard::{GuardKey, GuardState},
    link::{self, LinkPurpose},
    work::{About, Work},
};

/// Answers a request with a letter, or with nothing; the log says which, the one who asked is not told.
pub(super) async fn answer(work: &mut Work<'_, Letter>) -> Result<(), PortError> {
    let Some((kind, purpose)) = answered_with(work.command.kind) else {
        return Ok(());
    };
    let about = About::kind(action::LINK_ISSUE);
    let Some(user) = account(work).await? else {
        return refuse(work, about, purpose, "unknown_account").await;
    };
    let about = About::user(action::LINK_ISSUE, user.id);
    if let Some(reason) = obstacle(work, &user, purpose).await? {
        return refuse(work, about, purpose, reason).await;
    }
    let settings = work.id.settings.mail.clone();
    let life = match purpose {
        LinkPurpose::VerifyEmail => settings.verify_life,
        LinkPurpose::Unlock => settings.unlock_life,
        _ => settings.reset_life,
    };
    let address = user.email.clone();
    let token = link::issue(work, &user, purpose, &address, life).await?;
    post(work, &user, kind, &address, token, life).await?;
    work.raise(&about, Outcome::Success, |event| {
        event.detail("purpose", Detail::Text(purpose.as_str().into()))
    })
    .await
}

fn answered_with(request: MailKind) -> Option<(MailKind, LinkPurpose)> {
    match request {
        MailKind::ResetRequest => Some((MailKind::Reset, LinkPurpose::ResetPassword)),
        MailKind::VerificationRequest => Some((MailKind::Verification, LinkPurpose::VerifyEmail)),
        MailKind::LockoutRequest => Some((MailKind::Lockout, LinkPurpose::Unlock)),
        _ => None,
    }
}

async fn refuse(
    work: &mut Work<'_, Letter>,
    about: About,
    purpose: LinkPurpose,
    reason: &'static str,
) -> Result<(), PortError> {
    work.raise(&about, Outcome::refused(reason), |event| {
        event.detail("purpose", Detail::Text(purpose.as_str().into()))
    })
    .await
}

/// The account that the request is about: by address, or by its id after a lockout.
async fn account(work: &mut Work<'_, Letter>) -> Result<Option<User>, PortError> {
    let organization = work.ctx.organization_id;
    let Some(content) = work.command.content.clone() else {
        return Ok(None);
    };
    let asked = content.to.expose();
    if work.command.kind == MailKind::LockoutRequest {
        return match asked.parse::<UserId>() {
            Ok(user) => work.tx.users().find(organization, user).await,
            Err(_) => Ok(None),
        };
    }
    match Email::parse(asked) {
        Ok(email) => {
            let name = LoginName::Email(email);
            work.tx.users().find_by_login(organization, &name).await
        }
        Err(_) => Ok(None),
    }
}

/// Why no link is sent.
async fn obstacle(
    work: &mut Work<'_, Letter>,
    user: &User,
    purpose: LinkPurpose,
) -> Result<Option<&'static str>, PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    if matches!(user.status, UserStatus::Locked | UserStatus::Disabled) {
        return Ok(Some(user.status.as_str()));
    }
    if user.kind == UserKind::Service {
        return Ok(Some("service_account"));
    }
    if purpose == LinkPurpose::VerifyEmail && user.email_verified_at.is_some() {
        return Ok(Some("already_verified"));
    }
    if purpose == LinkPurpose::Unlock {
        let key = GuardKey::password_of(user.id);
        let state = work.tx.guards().lock(organization, &key, now).await?;
        if state == GuardState::CLEAR {
            return Ok(Some("not_locked"));
        }
    }
    let settings = &work.id.settings.mail;
    let pause = match purpose {
        LinkPurpose::Unlock => settings.unlock_life,
        _ => settings.pause,
    };
    let last = work.tx.links().of_user(organization, user.id, purpose).await?;
    let too_soon = last.is_some_and(|last| now < last.created_at.plus(pause));
    Ok(too_soon.then_some("too_soon"))
}
