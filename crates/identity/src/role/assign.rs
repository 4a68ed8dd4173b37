//! Gives roles to a user.

use vutf_kernel::{Ctx, Detail, Outcome, UserId};

use crate::{
    Identity, RuleError, User, VersionError, action,
    refusal::use_case_error,
    role::{self, permission},
    user::{
        Profile,
        account::role_names,
        reach::{Target, not_last_super_admin, reach, save},
    },
    work::{About, Work},
};

/// Replaces a user's roles.
#[derive(Clone, Debug)]
pub struct AssignRoles {
    /// Whose.
    pub user_id: UserId,
    /// The version of the user that the caller read.
    pub expected_version: Option<i64>,
    /// All roles that the user is to have; the one that everybody has is added.
    pub roles: Vec<String>,
}

use_case_error! {
    /// Why the roles were not changed.
    AssignError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
        /// A role that does not exist.
        UnknownRole => Invalid, "unknown_role", "there is no such role";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// No version, or one that has moved on.
        Version(VersionError);
    }
}

/// Replaces a user's roles; neither the old nor the new ones may grant more than the caller holds. The user's version grows,
/// and requests that come after it have the new rights.
pub async fn assign(ctx: &Ctx, id: &Identity, command: AssignRoles) -> Result<Profile, AssignError> {
    let about = About::user(action::ROLE_ASSIGN, command.user_id);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let profile = id.audited(ctx, about, done).await?;
    id.sessions.forget_user(profile.user.id);
    Ok(profile)
}

pub(crate) async fn apply(mut work: Work<'_, AssignRoles>) -> Result<Profile, AssignError> {
    let command = work.command.clone();
    let target =
        reach::<_, AssignError>(&mut work, &permission::ROLES_ASSIGN, command.user_id, false).await?;
    let target = target.ok_or(AssignError::NotFound)?;
    VersionError::check(command.expected_version, target.user.stamps.version)?;
    let roles = role_names(&command.roles);
    if roles.iter().any(|name| role::built_in(name).is_none()) {
        return Err(AssignError::UnknownRole);
    }
    if !role::are_held(&work.ctx, &roles) {
        return Err(RuleError::Exceeds.into());
    }
    if !roles.iter().any(|name| name == role::SUPER_ADMIN) {
        not_last_super_admin::<_, AssignError>(&mut work, &target).await?;
    }
    let user = replace(&mut work, target, &roles).await?;
    Ok(Profile { user, roles })
}

async fn replace(
    work: &mut Work<'_, AssignRoles>,
    target: Target,
    roles: &[String],
) -> Result<User, AssignError> {
    let (now, by) = (work.now(), work.by());
    let user = target.user.changed(by, now);
    save(work, &user).await?;
    work.tx
        .roles()
        .assign(user.organization_id, user.id, roles, by, now)
        .await?;
    let ended = end_cookies(work, &user).await?;
    let about = About::written(action::ROLE_ASSIGN, &user);
    let after = roles.to_vec();
    work.raise(&about, Outcome::Success, |event| {
        event
            .detail("before", Detail::List(target.roles))
            .detail("after", Detail::List(after))
            .detail("sessions_ended", Detail::Number(ended))
    })
    .await?;
    Ok(user)
}

/// Whoever may do more or less than before signs in anew, and so has a cookie that nobody knew before; nobody but its browser could be
/// given a new one (OWASP Session Management, "Renew the Session ID After Any Privilege Level Change"). Tokens tell of the proof alone.
async fn end_cookies(work: &mut Work<'_, AssignRoles>, user: &User) -> Result<i64, AssignError> {
    let (now, by, organization) = (work.now(), work.by(), user.organization_id);
    let mut ended = 0;
    for session in work.tx.sessions().with_cookie(organization, user.id).await? {
        let revoked = work
            .tx
            .sessions()
            .revoke(organization, session, "roles_changed", by, now);
        ended += i64::from(revoked.await?);
    }
    Ok(ended)
}
