//! One's own account. A session may be in the wrong hands: to see what it shows is an event, too.

use vutf_kernel::{Action, Actor, Ctx, Detail, Outcome, PortError, Timestamp, UserId};

use super::{Profile, User, reach::save, update::changed_fields, view::shown};
use crate::{
    Change, DisplayName, Identity, Phone, RuleError, VersionError, action,
    guard::GuardKey,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// Changes what is named and leaves the rest. Name, address and password have ways of their own.
#[derive(Clone, Debug)]
pub struct UpdateMe {
    /// The version that the caller read.
    pub expected_version: Option<i64>,
    /// What others see.
    pub display_name: Change<DisplayName>,
    /// Telephone number.
    pub phone: Change<Phone>,
}

use_case_error! {
    /// Why one's own account is not shown or changed.
    MeError {
        /// The caller is in no session, or the account is gone.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
    } {
        /// A permission is missing.
        Rule(RuleError);
        /// No version, or one that has moved on.
        Version(VersionError);
    }
}

/// One's own account, and what tells whether somebody else is at it.
#[derive(Clone, Debug)]
pub struct Own {
    /// The account.
    pub profile: Profile,
    /// The sign-in before that of the present session.
    pub previous_login_at: Option<Timestamp>,
    /// Wrong passwords and codes since the last right one, but for those from known browsers.
    pub failed_attempts: i64,
}

/// One's own account and roles.
pub async fn view(ctx: &Ctx, id: &Identity) -> Result<Own, MeError> {
    let done = id.look(ctx, (), |work| Box::pin(show(work))).await;
    id.audited(ctx, about(ctx, action::USER_READ), done).await
}

/// Changes one's own account.
pub async fn update(ctx: &Ctx, id: &Identity, command: UpdateMe) -> Result<User, MeError> {
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, about(ctx, action::USER_UPDATE), done).await
}

fn about(ctx: &Ctx, action: Action) -> About {
    match ctx.actor.user_id() {
        Some(user) => About::user(action, user),
        None => About::kind(action),
    }
}

async fn own<C>(work: &mut Work<'_, C>) -> Result<User, MeError> {
    let user: UserId = work.by().ok_or(MeError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let organization = work.ctx.organization_id;
    let found = work.tx.users().find(organization, user).await?;
    found.ok_or(MeError::NotSignedIn)
}

async fn show(mut work: Work<'_, ()>) -> Result<Own, MeError> {
    let user = own(&mut work).await?;
    let roles = work.tx.roles().of_user(user.organization_id, user.id).await?;
    let account = GuardKey::password_of(user.id).account;
    let failed_attempts = work
        .tx
        .guards()
        .failures_of(user.organization_id, &account)
        .await?;
    let previous_login_at = previous_login(&mut work, &user).await?;
    shown(&mut work, &user).await?;
    Ok(Own {
        profile: Profile { user, roles },
        previous_login_at,
        failed_attempts,
    })
}

async fn previous_login<C>(work: &mut Work<'_, C>, user: &User) -> Result<Option<Timestamp>, PortError> {
    let Actor::User { session_id, .. } = work.ctx.actor else {
        return Ok(None);
    };
    let session = work.tx.sessions().find(user.organization_id, session_id).await?;
    Ok(session.and_then(|session| session.previous_login_at))
}

async fn apply(mut work: Work<'_, UpdateMe>) -> Result<User, MeError> {
    // A program may see for whom it acts; what they say of themself is theirs to change.
    work.signed_in().ok_or(MeError::NotSignedIn)?;
    let command = work.command.clone();
    let before = own(&mut work).await?;
    VersionError::check(command.expected_version, before.stamps.version)?;
    let mut user = before.clone().changed(work.by(), work.now());
    user.display_name = command.display_name.apply(user.display_name);
    user.phone = command.phone.apply(user.phone);
    save(&mut work, &user).await?;
    let fields = changed_fields(&before, &user);
    let about = About::written(action::USER_UPDATE, &user);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("fields", Detail::List(fields))
    })
    .await?;
    Ok(user)
}
