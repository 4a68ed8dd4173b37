//! Removes one's own authenticator app.

use vutf_kernel::{Ctx, Detail, Outcome, PortError, UserId};

use super::{
    InsufficientAuthentication, Method,
    confirm::forget_failures,
    factors,
    freshness::{FRESH, FRESH_SECOND_FACTOR},
    own, password_needs_factor,
};
use crate::{
    Identity, RuleError, action,
    mail::MailKind,
    refusal::use_case_error,
    role::{self, permission},
    session::list::others,
    work::Work,
};

use_case_error! {
    /// Why the factor is still there.
    RemoveError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// There is none.
        NotEnrolled => Conflict, "mfa_not_enrolled", "there is no second factor";
        /// None would be left, and a role of the account demands one. It can be replaced.
        Demanded => Conflict, "mfa_demanded_by_role", "a role of this account demands a second factor; put another into its place";
        /// None would be left, and the password is too short to be the only factor.
        ShortPassword => Conflict, "password_needs_mfa", "the password is too short to be the only factor; set a longer one first";
    } {
        /// A permission is missing.
        Rule(RuleError);
        /// The last proof is too old, or was not of the factor itself.
        Fresh(InsufficientAuthentication);
    }
}

/// Removes the app, and the backup codes if it was the last factor; answers how many other sessions there are.
pub async fn remove(ctx: &Ctx, id: &Identity) -> Result<usize, RemoveError> {
    let done = id.run(ctx, (), |work| Box::pin(apply(work))).await;
    id.audited(ctx, own(action::MFA_REMOVE, ctx), done).await
}

async fn apply(mut work: Work<'_, ()>) -> Result<usize, RemoveError> {
    let user = work.signed_in().ok_or(RemoveError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    FRESH.check(&work.ctx, now)?;
    // One at a time: two that remove the last two see one another.
    work.tx.api_keys().lock_owner(organization, user).await?;
    let is_short = password_needs_factor(&mut work, user).await?;
    let before = factors(&mut work, user).await?;
    if !before.totp {
        return Err(RemoveError::NotEnrolled);
    }
    FRESH_SECOND_FACTOR.check(&work.ctx, now)?;
    let mut codes = 0;
    work.tx.mfa().remove_totp(organization, user).await?;
    if before.passkeys == 0 {
        let roles = work.tx.roles().of_user(organization, user).await?;
        let known = role::within(&mut work, &roles).await?;
        if work.id.settings.enrolment.demands(&roles, &known) {
            return Err(RemoveError::Demanded);
        }
        if is_short {
            return Err(RemoveError::ShortPassword);
        }
        codes = without_codes(&mut work, user).await?;
    }
    forget_failures(&mut work, user, &[Method::Totp]).await?;
    super::notify(&mut work, user, MailKind::FactorRemoved).await?;
    let codes = Detail::Number(i64::try_from(codes).unwrap_or(i64::MAX));
    let about = own(action::MFA_REMOVE, &work.ctx);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("backup_codes", codes)
    })
    .await?;
    Ok(others(&mut work).await?)
}

/// Removes what stands in for a factor, with the last one, and sign-ins that wait for it; how many codes that were.
pub(crate) async fn without_codes<C>(work: &mut Work<'_, C>, user: UserId) -> Result<u64, PortError> {
    let organization = work.ctx.organization_id;
    let removed = work.tx.mfa().remove_of(organization, user).await?;
    forget_failures(work, user, &[Method::BackupCode]).await?;
    Ok(removed.codes)
}
