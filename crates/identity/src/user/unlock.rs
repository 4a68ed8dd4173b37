//! Lifts an administrator's lock, or the delays after wrong passwords.

use vutf_kernel::{Actor, Ctx, Outcome, PortError, UserId};

use super::{
    TransitionError, User, UserStatus,
    reach::{reach, save},
};
use crate::{
    Identity, RuleError, action,
    guard::{GuardKey, GuardState},
    mfa::Method,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// Lifts a lock.
#[derive(Clone, Copy, Debug)]
pub struct Unlock {
    /// Whose.
    pub user_id: UserId,
}

use_case_error! {
    /// Why no lock was lifted.
    UnlockError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
        /// After so many wrong passwords the password must be set anew; only the operator on the machine may lift this.
        AuthenticatorDisabled => Conflict, "authenticator_disabled", "the password was disabled after too many failures and must be set anew";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// Nothing bars the account.
        State(TransitionError);
    }
}

/// Lifts a lock, and the delays after wrong passwords.
pub async fn unlock(ctx: &Ctx, id: &Identity, command: Unlock) -> Result<User, UnlockError> {
    let about = About::user(action::USER_UNLOCK, command.user_id);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let user = id.audited(ctx, about, done).await?;
    id.sessions.forget_user(user.id);
    Ok(user)
}

pub(super) async fn apply(mut work: Work<'_, Unlock>) -> Result<User, UnlockError> {
    let user_id = work.command.user_id;
    let target = reach::<_, UnlockError>(&mut work, &permission::USERS_LOCK, user_id, false).await?;
    let user = target.ok_or(UnlockError::NotFound)?.user;
    let barred = clear_guard(&mut work, user_id).await? | clear_second_factors(&mut work, user_id).await?;
    let user = if barred && user.status != UserStatus::Locked {
        user
    } else {
        let user = user.unlock(work.by(), work.now())?;
        save(&mut work, &user).await?;
        work.tx.presence().forgive(user.organization_id, user.id).await?;
        user
    };
    let about = About::written(action::USER_UNLOCK, &user);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("delays_lifted", vutf_kernel::Detail::Bool(barred))
    })
    .await?;
    Ok(user)
}

/// Forgets the failures; answers whether there were any.
async fn clear_guard(work: &mut Work<'_, Unlock>, user: UserId) -> Result<bool, UnlockError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let key = GuardKey::password_of(user);
    let state = work.tx.guards().lock(organization, &key, now).await?;
    if state == GuardState::CLEAR {
        return Ok(false);
    }
    let disabled = state.failures >= work.id.settings.guard.disable_at;
    if disabled && work.ctx.actor != Actor::Operator {
        return Err(UnlockError::AuthenticatorDisabled);
    }
    let cleared: Result<(), PortError> = work
        .tx
        .guards()
        .put(organization, &key, &GuardState::CLEAR, now)
        .await;
    cleared?;
    Ok(true)
}

/// The same for second factors. One that is disabled stays so: it is bound anew, or reset.
async fn clear_second_factors(work: &mut Work<'_, Unlock>, user: UserId) -> Result<bool, PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let mut lifted = false;
    for method in Method::ALL {
        let key = GuardKey::second_factor_of(user, method);
        let state = work.tx.guards().lock(organization, &key, now).await?;
        if state == GuardState::CLEAR || state.failures >= work.id.settings.guard.disable_at {
            continue;
        }
        let clear = GuardState::CLEAR;
        work.tx.guards().put(organization, &key, &clear, now).await?;
        lifted = true;
    }
    Ok(lifted)
}
