//! Changes the data of an account.

use vutf_kernel::{Actor, Ctx, Detail, Outcome, UserId};

use super::{
    User, UserStatus,
    reach::{not_self, reach, save_names},
};
use crate::{
    Change, DisplayName, Email, Identity, IdentityTaken, Phone, RuleError, Username, VersionError, action,
    link::{self, LinkPurpose},
    mail::{self, MailKind},
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// Changes what is named and leaves the rest.
#[derive(Clone, Debug)]
pub struct UpdateUser {
    /// Whose.
    pub user_id: UserId,
    /// The version that the caller read.
    pub expected_version: Option<i64>,
    /// A new username.
    pub username: Option<Username>,
    /// A new address. The administrator vouches for it: it counts as proved.
    pub email: Option<Email>,
    /// What others see.
    pub display_name: Change<DisplayName>,
    /// Telephone number.
    pub phone: Change<Phone>,
}

use_case_error! {
    /// Why nothing was changed.
    UpdateError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// No version, or one that has moved on.
        Version(VersionError);
        /// Another account has the name or address.
        Taken(IdentityTaken);
    }
}

/// Changes the data of an account.
pub async fn update(ctx: &Ctx, id: &Identity, command: UpdateUser) -> Result<User, UpdateError> {
    let about = About::user(action::USER_UPDATE, command.user_id);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, about, done).await
}

pub(super) async fn apply(mut work: Work<'_, UpdateUser>) -> Result<User, UpdateError> {
    let command = work.command.clone();
    let target = reach::<_, UpdateError>(&mut work, &permission::USERS_WRITE, command.user_id, false).await?;
    let user = target.ok_or(UpdateError::NotFound)?.user;
    VersionError::check(command.expected_version, user.stamps.version)?;
    let before = user.clone();
    let mut user = user.changed(work.by(), work.now());
    if let Some(username) = &command.username {
        user.username = username.clone();
    }
    if let Some(email) = command.email.as_ref().filter(|email| **email != before.email) {
        may_set_address(&work, user.id)?;
        user.email = email.clone();
        user.email_verified_at = Some(work.now());
        if user.status == UserStatus::Unverified {
            user.status = UserStatus::Active;
        }
    }
    user.display_name = command.display_name.apply(user.display_name);
    user.phone = command.phone.apply(user.phone);
    save_names::<_, UpdateError>(&mut work, &user).await?;
    if user.email != before.email {
        // What was mailed to the old address is good for nothing any more, but for an objection.
        link::end(&mut work, user.id, &LinkPurpose::ENDED_BY_ADDRESS).await?;
        mail::notify(&mut work, &user, MailKind::EmailChanged, &before.email).await?;
    }
    let fields = changed_fields(&before, &user);
    let about = About::written(action::USER_UPDATE, &user);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("fields", Detail::List(fields))
    })
    .await?;
    Ok(user)
}

/// Whoever has the address has the account: one's own changes with a fresh proof and a link (`change_email`), and a program sets
/// nobody's.
fn may_set_address<C>(work: &Work<'_, C>, user: UserId) -> Result<(), RuleError> {
    not_self(work, user)?;
    match work.ctx.actor {
        Actor::ApiKey { .. } => Err(RuleError::Exceeds),
        _ => Ok(()),
    }
}

/// Names, never values: values are personal data.
pub(super) fn changed_fields(before: &User, after: &User) -> Vec<String> {
    [
        ("username", before.username != after.username),
        ("email", before.email != after.email),
        ("display_name", before.display_name != after.display_name),
        ("phone", before.phone != after.phone),
    ]
    .into_iter()
    .filter(|(_, changed)| *changed)
    .map(|(name, _)| name.to_owned())
    .collect()
}
