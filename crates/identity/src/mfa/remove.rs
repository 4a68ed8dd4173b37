//! Removes one's own second factor.

use vutf_kernel::{Ctx, Detail, Outcome};

use super::{
    InsufficientAuthentication, Method,
    confirm::forget_failures,
    freshness::{FRESH, FRESH_SECOND_FACTOR},
    own,
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
    } {
        /// A permission is missing.
        Rule(RuleError);
        /// The last proof is too old, or was not of the factor itself.
        Fresh(InsufficientAuthentication);
    }
}

/// Removes the factor and the backup codes; answers how many other sessions there are.
pub async fn remove(ctx: &Ctx, id: &Identity) -> Result<usize, RemoveError> {
    let done = id.run(ctx, (), |work| Box::pin(apply(work))).await;
    id.audited(ctx, own(action::MFA_REMOVE, ctx), done).await
}

async fn apply(mut work: Work<'_, ()>) -> Result<usize, RemoveError> {
    let user = work.signed_in().ok_or(RemoveError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    FRESH.check(&work.ctx, now)?;
    if work.tx.mfa().confirmed(organization, user).await?.is_none() {
        return Err(RemoveError::NotEnrolled);
    }
    FRESH_SECOND_FACTOR.check(&work.ctx, now)?;
    let roles = work.tx.roles().of_user(organization, user).await?;
    if role::demands_second_factor(&roles) {
        return Err(RemoveError::Demanded);
    }
    let removed = work.tx.mfa().remove_of(organization, user).await?;
    forget_failures(&mut work, user, &Method::ALL).await?;
    super::notify(&mut work, user, MailKind::FactorRemoved).await?;
    let codes = Detail::Number(i64::try_from(removed.codes).unwrap_or(i64::MAX));
    let about = own(action::MFA_REMOVE, &work.ctx);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("backup_codes", codes)
    })
    .await?;
    Ok(others(&mut work).await?)
}
