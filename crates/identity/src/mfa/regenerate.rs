//! Makes new backup codes.

use vutf_kernel::Ctx;

use super::{
    BackupCode, InsufficientAuthentication, Method,
    confirm::forget_failures,
    factors,
    freshness::{FRESH, FRESH_SECOND_FACTOR},
    own,
};
use crate::{Identity, RuleError, action, refusal::use_case_error, role::permission, work::Work};

use_case_error! {
    /// Why the old codes still count.
    RegenerateError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// There is no factor that they could stand in for.
        NotEnrolled => Conflict, "mfa_not_enrolled", "there is no second factor";
    } {
        /// A permission is missing.
        Rule(RuleError);
        /// The last proof is too old, or was not of a second factor.
        Fresh(InsufficientAuthentication);
    }
}

/// Makes ten codes; those from before count no more.
pub async fn regenerate(ctx: &Ctx, id: &Identity) -> Result<Vec<BackupCode>, RegenerateError> {
    let done = id.run(ctx, (), |work| Box::pin(apply(work))).await;
    id.audited(ctx, own(action::MFA_BACKUP_CODES, ctx), done).await
}

async fn apply(mut work: Work<'_, ()>) -> Result<Vec<BackupCode>, RegenerateError> {
    let user = work.signed_in().ok_or(RegenerateError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    FRESH.check(&work.ctx, now)?;
    if !factors(&mut work, user).await?.any() {
        return Err(RegenerateError::NotEnrolled);
    }
    FRESH_SECOND_FACTOR.check(&work.ctx, now)?;
    let codes = BackupCode::generate_set(work.env.entropy);
    work.tx.mfa().put_codes(organization, user, &codes, now).await?;
    forget_failures(&mut work, user, &[Method::BackupCode]).await?;
    work.done(&own(action::MFA_BACKUP_CODES, &work.ctx)).await?;
    Ok(codes)
}
