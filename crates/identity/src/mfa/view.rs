//! Which second factors one has.

use vutf_kernel::{Ctx, Timestamp};

use super::own;
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    role::{self, permission},
    work::Work,
};

/// One's own second factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondFactors {
    /// When the authenticator app was confirmed; `None` without one.
    pub totp_confirmed_at: Option<Timestamp>,
    /// Passkeys.
    pub passkeys: u64,
    /// Backup codes that were not used.
    pub backup_codes_left: u64,
    /// Whether a role of the account demands a second factor.
    pub demanded: bool,
}

use_case_error! {
    /// Why nothing is shown.
    ViewMfaError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
    } {
        /// A permission is missing.
        Rule(RuleError);
    }
}

/// Shows which second factors the caller has, and no secret of theirs.
pub async fn view(ctx: &Ctx, id: &Identity) -> Result<SecondFactors, ViewMfaError> {
    let done = id.look(ctx, (), |work| Box::pin(apply(work))).await;
    id.audited(ctx, own(action::MFA_READ, ctx), done).await
}

async fn apply(mut work: Work<'_, ()>) -> Result<SecondFactors, ViewMfaError> {
    let user = work.signed_in().ok_or(ViewMfaError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let organization = work.ctx.organization_id;
    let factor = work.tx.mfa().confirmed(organization, user).await?;
    let backup_codes_left = work.tx.mfa().codes_left(organization, user).await?;
    let passkeys = work.tx.passkeys().count_of(organization, user).await?;
    let roles = work.tx.roles().of_user(organization, user).await?;
    let known = role::within(&mut work, &roles).await?;
    work.done(&own(action::MFA_READ, &work.ctx)).await?;
    Ok(SecondFactors {
        totp_confirmed_at: factor.and_then(|factor| factor.confirmed_at),
        passkeys,
        backup_codes_left,
        demanded: work.id.settings.enrolment.demands(&roles, &known),
    })
}
