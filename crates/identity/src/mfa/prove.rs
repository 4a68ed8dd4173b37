//! Whether what somebody presents is their second factor.
//!
//! One transaction, with the counter's row locked until its end: the attempt is counted before it is checked, and whoever
//! comes at the same moment waits for the count. The caller commits a refusal, too, or the count would be lost.

use vutf_kernel::{OrganizationId, PortError, UserId};

use super::{BackupCode, Method, Presented, factors};
use crate::{
    guard::{Barred, GuardKey, GuardState, count},
    work::Work,
};

/// What a factor adds to `amr` (RFC 8176 §2). It has no word for look-up secrets; they are one-time passwords, too.
pub(crate) const AMR: &str = "otp";

/// Uses the code up if it is right; else says, for the log alone, why not.
pub(crate) async fn prove<C>(
    work: &mut Work<'_, C>,
    user: UserId,
    presented: &Presented,
) -> Result<Result<(), &'static str>, PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let key = GuardKey::second_factor_of(user, presented.method);
    match count(work, &key).await? {
        None => {}
        Some(Barred::Disabled) => return Ok(Err("authenticator_disabled")),
        Some(Barred::Until(_)) => return Ok(Err("barred")),
    }
    let taken = match presented.method {
        Method::Totp => use_totp(work, organization, user, presented).await?,
        Method::BackupCode => use_backup(work, organization, user, presented).await?,
        Method::Passkey => Err("not_a_code"),
    };
    if taken.is_ok() {
        let clear = GuardState::CLEAR;
        work.tx.guards().put(organization, &key, &clear, now).await?;
    }
    Ok(taken)
}

async fn use_totp<C>(
    work: &mut Work<'_, C>,
    organization: OrganizationId,
    user: UserId,
    presented: &Presented,
) -> Result<Result<(), &'static str>, PortError> {
    let now = work.now();
    let Some(factor) = work.tx.mfa().confirmed(organization, user).await? else {
        return Ok(Err("not_enrolled"));
    };
    let step = match factor.unused_step(&presented.code, now) {
        Ok(step) => step,
        Err(reason) => return Ok(Err(reason)),
    };
    let taken = work.tx.mfa().use_step(&factor, step, now).await?;
    Ok(if taken { Ok(()) } else { Err("replayed_code") })
}

async fn use_backup<C>(
    work: &mut Work<'_, C>,
    organization: OrganizationId,
    user: UserId,
    presented: &Presented,
) -> Result<Result<(), &'static str>, PortError> {
    // Backup codes stand in for the factor that was lost: without one they prove nothing.
    if !factors(work, user).await?.any() {
        return Ok(Err("not_enrolled"));
    }
    let Some(code) = BackupCode::parse(&presented.code) else {
        return Ok(Err("wrong_code"));
    };
    let taken = work.tx.mfa().use_code(organization, user, &code).await?;
    Ok(if taken { Ok(()) } else { Err("wrong_code") })
}
