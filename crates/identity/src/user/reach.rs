//! Who may act on whom, and what every administrative change has in common.

use vutf_kernel::{Action, Detail, Fault, Outcome, Permission, PortError, Timestamp, UserId};

use super::{TransitionError, User, UserStatus};
use crate::{
    IdentityTaken, RuleError,
    link::{self, LinkPurpose},
    role::{self, permission},
    work::{About, Work},
};

/// An account within the caller's reach.
pub(crate) struct Target {
    pub(crate) user: User,
    pub(crate) roles: Vec<String>,
}

/// The account, if it exists and grants nothing that the caller does not hold.
///
/// Administrative changes pass one at a time in a tenant, so that two of them cannot each remove "not the last" administrator.
pub(crate) async fn reach<C, E>(
    work: &mut Work<'_, C>,
    permission: &Permission,
    user: UserId,
    with_deleted: bool,
) -> Result<Option<Target>, E>
where
    E: From<PortError> + From<RuleError>,
{
    work.require(permission)?;
    let organization = work.ctx.organization_id;
    work.tx.roles().lock_organization(organization).await?;
    let found = if with_deleted {
        work.tx.users().find_with_deleted(organization, user).await?
    } else {
        work.tx.users().find(organization, user).await?
    };
    let Some(user) = found else { return Ok(None) };
    let roles = work.tx.roles().of_user(organization, user.id).await?;
    let known = role::within(work, &roles).await?;
    if !known.are_held(&work.ctx, &roles) {
        return Err(RuleError::Exceeds.into());
    }
    Ok(Some(Target { user, roles }))
}

/// Nobody locks, disables or deletes themself.
pub(crate) fn not_self<C>(work: &Work<'_, C>, user: UserId) -> Result<(), RuleError> {
    if work.by() == Some(user) {
        return Err(RuleError::OwnAccount);
    }
    Ok(())
}

/// The tenant keeps an active super administrator.
pub(crate) async fn not_last_super_admin<C, E>(work: &mut Work<'_, C>, target: &Target) -> Result<(), E>
where
    E: From<PortError> + From<RuleError>,
{
    let counts = target.user.status == UserStatus::Active && !target.user.stamps.is_deleted();
    if !counts || !target.roles.iter().any(|name| name == role::SUPER_ADMIN) {
        return Ok(());
    }
    let organization = work.ctx.organization_id;
    if work.tx.roles().holders(organization, role::SUPER_ADMIN).await? <= 1 {
        return Err(RuleError::LastSuperAdmin.into());
    }
    Ok(())
}

/// Bars the account of somebody else by `transition` and ends its sessions; `None` when there is no such user.
pub(crate) async fn bar<C, E>(
    work: &mut Work<'_, C>,
    action: Action,
    user: UserId,
    transition: fn(User, Option<UserId>, Timestamp) -> Result<User, TransitionError>,
) -> Result<Option<User>, E>
where
    E: From<PortError> + From<RuleError> + From<TransitionError>,
{
    let Some(target) = reach::<_, E>(work, &permission::USERS_LOCK, user, false).await? else {
        return Ok(None);
    };
    not_self(work, user)?;
    not_last_super_admin::<_, E>(work, &target).await?;
    let user = transition(target.user, work.by(), work.now())?;
    save_and_end_sessions(work, &About::written(action, &user), &user).await?;
    Ok(Some(user))
}

/// Stores a change for which the caller named no version: when another change came first, the transaction runs again.
pub(crate) async fn save<C>(work: &mut Work<'_, C>, user: &User) -> Result<(), PortError> {
    work.tx.users().update(user).await.map_err(|error| PortError {
        fault: if error.fault == Fault::Stale {
            Fault::Contention
        } else {
            error.fault
        },
        ..error
    })
}

/// Stores a change of names, which may be taken.
pub(crate) async fn save_names<C, E>(work: &mut Work<'_, C>, user: &User) -> Result<(), E>
where
    E: From<PortError> + From<IdentityTaken>,
{
    match save(work, user).await {
        Err(error) if error.fault == Fault::Duplicate => Err(IdentityTaken.into()),
        other => Ok(other?),
    }
}

/// Stores a change after which nothing issued before is good any more, and raises its event.
pub(crate) async fn save_and_end_sessions<C>(
    work: &mut Work<'_, C>,
    about: &About,
    user: &User,
) -> Result<(), PortError> {
    save(work, user).await?;
    link::end(work, user.id, &LinkPurpose::ENDED_BY_PASSWORD).await?;
    let (now, by) = (work.now(), work.by());
    let ended = work
        .tx
        .sessions()
        .revoke_all(user.organization_id, user.id, None, "administrator", by, now)
        .await?;
    let count = i64::try_from(ended.len()).unwrap_or(i64::MAX);
    work.raise(about, Outcome::Success, |event| {
        event.detail("sessions_ended", Detail::Number(count))
    })
    .await
}
