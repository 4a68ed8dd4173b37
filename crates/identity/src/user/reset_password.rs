//! Sets a password by a mailed link. The link proves that the address is read, and nothing else: a second factor is asked for at
//! the next sign-in as before.

use std::time::Duration;

use vutf_kernel::{Ctx, Detail, Outcome, Secret, Stamps, UserId};

use super::{User, UserKind, UserStatus, reach::save};
use crate::{
    Identity, action,
    guard::{GuardKey, GuardState},
    link::{self, LinkInvalid, LinkPurpose},
    mail::{self, MailKind},
    mfa::factors,
    password::{HashError, Length, PasswordContext, PasswordError, history},
    refusal::use_case_error,
    repo::PasswordRecord,
    work::{About, Work},
};

const REASON: &str = "password_reset";

/// A link and the password to be.
#[derive(Debug)]
pub struct ResetPassword {
    /// From the mail.
    pub token: Secret<String>,
    /// As typed.
    pub password: Secret<String>,
}

use_case_error! {
    /// Why the password stays.
    ResetPasswordError {
    } {
        /// The link is not good.
        Link(LinkInvalid);
        /// The password.
        Password(PasswordError);
        /// No hash can be computed now.
        Hash(HashError);
    }
}

struct Renewal {
    token: Secret<String>,
    phc: Secret<String>,
    length: Length,
}

/// What the first transaction found.
struct Judged {
    length: Length,
    /// What must not be chosen again.
    former: Vec<Secret<String>>,
}

/// Sets the password, uses the link up, and ends all sessions. The failures that were counted are forgotten: the password is bound
/// anew. Whoever came by the link reads the address, so that counts as verified.
pub async fn reset_password(
    ctx: &Ctx,
    id: &Identity,
    command: ResetPassword,
) -> Result<(), ResetPasswordError> {
    let done = attempt(ctx, id, command).await;
    let link = match &done {
        Err(ResetPasswordError::Link(link)) => Some(*link),
        _ => None,
    };
    let user = id.audited_link(ctx, action::PASSWORD_RESET, link, done).await?;
    id.sessions.forget_user(user);
    Ok(())
}

async fn attempt(ctx: &Ctx, id: &Identity, command: ResetPassword) -> Result<UserId, ResetPasswordError> {
    let ResetPassword { token, password } = command;
    let asked = (token.clone(), password.clone());
    let Judged { length, former } = id.run(ctx, asked, |work| Box::pin(admit(work))).await?;
    id.refuse_breached::<ResetPasswordError>(ctx, &password).await?;
    let permit = id.hasher.permit().await?;
    history::refuse_reused::<ResetPasswordError>(&*permit, &password, &former).await?;
    let salt = id.ambient.entropy().bytes();
    let phc = permit.hash(&password, salt).await?;
    drop(permit);
    let renewal = Renewal { token, phc, length };
    id.run(ctx, renewal, |work| Box::pin(apply(work))).await
}

/// Judges the link, which is not used up by it, and the password: what is no good may be tried again with the same link.
async fn admit(mut work: Work<'_, (Secret<String>, Secret<String>)>) -> Result<Judged, ResetPasswordError> {
    let command = work.command.clone();
    let (token, password) = &*command;
    let user = account(&mut work, token).await?.1;
    let context = PasswordContext::new(&user.username, &user.email).named(user.display_name.as_ref());
    let has_factor = factors(&mut work, user.id).await?.any();
    let policy = work.id.settings.password.clone();
    let length = policy.judge(password, context, has_factor)?;
    let mut former = Vec::new();
    if policy.legacy().history() > 0 {
        // The present one is the newest of them. Whatever replaces it ends the link, so that these are the last ones to the end.
        let present = work.tx.passwords().find(user.organization_id, user.id).await?;
        former.extend(present.map(|record| record.phc));
        former.extend(history::former(&mut work, user.id).await?);
    }
    Ok(Judged { length, former })
}

async fn account<C>(
    work: &mut Work<'_, C>,
    token: &Secret<String>,
) -> Result<(link::Link, User), ResetPasswordError> {
    let purpose = LinkPurpose::ResetPassword;
    let (link, user) = link::look_up::<_, ResetPasswordError>(work, token, purpose).await?;
    match user.status {
        _ if user.kind == UserKind::Service => Err(LinkInvalid::of(user.id, "service_account").into()),
        UserStatus::Active | UserStatus::Unverified => Ok((link, user)),
        barred => Err(LinkInvalid::of(user.id, barred.as_str()).into()),
    }
}

async fn apply(mut work: Work<'_, Renewal>) -> Result<UserId, ResetPasswordError> {
    let renewal = work.command.clone();
    let (link, user) = account(&mut work, &renewal.token).await?;
    link::spend::<_, ResetPasswordError>(&mut work, &link).await?;
    let (now, organization, by) = (work.now(), user.organization_id, Some(user.id));
    put_password(&mut work, &user, &renewal).await?;
    let user = user.email_proved(now).end_sessions();
    save(&mut work, &user).await?;
    let ended = work
        .tx
        .sessions()
        .revoke_all(organization, user.id, None, REASON, by, now)
        .await?;
    link::end(&mut work, user.id, &LinkPurpose::ENDED_BY_PASSWORD).await?;
    let address = user.email.clone();
    mail::notify(&mut work, &user, MailKind::PasswordReset, &address).await?;
    let count = i64::try_from(ended.len()).unwrap_or(i64::MAX);
    let about = About::written(action::PASSWORD_RESET, &user);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("sessions_ended", Detail::Number(count))
    })
    .await?;
    Ok(user.id)
}

/// One at a time, by the counter's row, which is cleared with it.
async fn put_password(
    work: &mut Work<'_, Renewal>,
    user: &User,
    renewal: &Renewal,
) -> Result<(), ResetPasswordError> {
    let (now, organization) = (work.now(), user.organization_id);
    let key = GuardKey::password_of(user.id);
    work.tx.guards().lock(organization, &key, now).await?;
    // Whoever removes the last factor takes the same lock.
    let beside_factor = renewal.length == Length::BesideFactor;
    if beside_factor && !factors(work, user.id).await?.any() {
        return Err(work.id.settings.password.too_short(false).into());
    }
    let before = work.tx.passwords().find(organization, user.id).await?;
    let by = Some(user.id);
    let record = PasswordRecord {
        user_id: user.id,
        organization_id: organization,
        phc: renewal.phc.clone(),
        changed_at: now,
        must_change_at: None,
        beside_factor,
        stamps: Stamps::new(by, now),
    };
    match before {
        Some(before) => {
            let renewed = PasswordRecord {
                // Later than the one before whatever the clock says: by it others know that it was changed.
                changed_at: now.max(before.changed_at.plus(Duration::from_micros(1))),
                stamps: before.stamps.clone().changed(by, now),
                ..record
            };
            history::replace(work, &before, &renewed).await?;
        }
        None => work.tx.passwords().put(&record).await?,
    }
    let clear = GuardState::CLEAR;
    Ok(work.tx.guards().put(organization, &key, &clear, now).await?)
}
