//! Gives roles to a user.

use std::sync::Arc;

use vutf_kernel::{Ctx, Detail, Env, Outcome, UserId};

use crate::{
    Identity, IdentityUnit, RuleError, User, VersionError, action,
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
        /// The role of super administrators is given by two persons.
        GrantTakesTwo => Conflict, "second_person_needed", "to give the role of super administrators takes two persons";
        /// It is taken by two persons.
        LossTakesTwo => Conflict, "second_person_needed", "to take the role of super administrators takes two persons";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// No version, or one that has moved on.
        Version(VersionError);
    }
}

/// Replaces a user's roles; neither the old nor the new ones may grant more than the caller holds. The user's version grows,
/// and requests that come after it have the new rights.
///
/// Where the role of super administrators takes two persons, a change of it is [`AssignError::GrantTakesTwo`] or
/// [`AssignError::LossTakesTwo`], and no event: whoever wires the domains asks for the second person and says so.
pub async fn assign(ctx: &Ctx, id: &Identity, command: AssignRoles) -> Result<Profile, AssignError> {
    let about = About::user(action::ROLE_ASSIGN, command.user_id);
    let done = id.run(ctx, command, |work| Box::pin(alone(work))).await;
    if matches!(done, Err(AssignError::GrantTakesTwo | AssignError::LossTakesTwo)) {
        return done;
    }
    let profile = id.audited(ctx, about, done).await?;
    id.sessions.forget_user(profile.user.id);
    Ok(profile)
}

/// The same in the transaction of an approval: the second person is `ctx`, and both were held against the request by whoever calls
/// this. What each of them needs is checked here once more for the second.
pub async fn assign_approved<'a>(
    ctx: &Ctx,
    id: &Identity,
    tx: &'a mut (dyn IdentityUnit + 'static),
    env: Env<'a>,
    command: AssignRoles,
) -> Result<Profile, AssignError> {
    let mut work = Work {
        tx,
        env,
        ctx: Arc::new(ctx.clone()),
        id: id.clone(),
        command: Arc::new(command),
    };
    let target = target(&mut work).await?;
    apply(work, target).await
}

/// Whether `after` differs from `before` in the role of super administrators and in nothing else.
pub fn differs_in_super_admin_alone(before: &[String], after: &[String]) -> bool {
    let others = |roles: &[String]| {
        let mut names = role_names(roles);
        names.retain(|name| name != role::SUPER_ADMIN);
        names
    };
    others(before) == others(after)
}

pub(crate) async fn alone(mut work: Work<'_, AssignRoles>) -> Result<Profile, AssignError> {
    let target = target(&mut work).await?;
    let is_super = |roles: &[String]| roles.iter().any(|name| name == role::SUPER_ADMIN);
    let (before, after) = (is_super(&target.roles), is_super(&work.command.roles));
    if work.id.settings.authorization.two_person && before != after {
        check(&mut work, &target).await?;
        if after {
            return Err(AssignError::GrantTakesTwo);
        }
        not_last_super_admin::<_, AssignError>(&mut work, &target).await?;
        return Err(AssignError::LossTakesTwo);
    }
    apply(work, target).await
}

async fn target(work: &mut Work<'_, AssignRoles>) -> Result<Target, AssignError> {
    let user = work.command.user_id;
    let target = reach::<_, AssignError>(work, &permission::ROLES_ASSIGN, user, false).await?;
    target.ok_or(AssignError::NotFound)
}

/// What can be said before anything is changed.
async fn check(work: &mut Work<'_, AssignRoles>, target: &Target) -> Result<Vec<String>, AssignError> {
    let command = work.command.clone();
    VersionError::check(command.expected_version, target.user.stamps.version)?;
    let roles = role_names(&command.roles);
    let known = role::held_fast(work, &roles).await?;
    if known.lacks_one_of(&roles) {
        return Err(AssignError::UnknownRole);
    }
    if !known.are_held(&work.ctx, &roles) {
        return Err(RuleError::Exceeds.into());
    }
    Ok(roles)
}

async fn apply(mut work: Work<'_, AssignRoles>, target: Target) -> Result<Profile, AssignError> {
    let roles = check(&mut work, &target).await?;
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
