//! Shows one's own passkeys.

use vutf_kernel::Ctx;

use super::Passkey;
use crate::{Identity, RuleError, action, mfa::own, refusal::use_case_error, role::permission, work::Work};

use_case_error! {
    /// Why nothing is shown.
    ListPasskeysError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
    } {
        /// A permission is missing.
        Rule(RuleError);
    }
}

/// Shows them, oldest first.
pub async fn list(ctx: &Ctx, id: &Identity) -> Result<Vec<Passkey>, ListPasskeysError> {
    let done = id.look(ctx, (), |work| Box::pin(apply(work))).await;
    id.audited(ctx, own(action::PASSKEY_LIST, ctx), done).await
}

async fn apply(mut work: Work<'_, ()>) -> Result<Vec<Passkey>, ListPasskeysError> {
    let user = work.signed_in().ok_or(ListPasskeysError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let organization = work.ctx.organization_id;
    let passkeys = work.tx.passkeys().of_user(organization, user).await?;
    work.done(&own(action::PASSKEY_LIST, &work.ctx)).await?;
    Ok(passkeys)
}
