//! Gives one of one's own passkeys another name.

use vutf_kernel::{Ctx, FactorId};

use super::{Passkey, PasskeyName};
use crate::{Identity, RuleError, action, mfa::own, refusal::use_case_error, role::permission, work::Work};

/// A new name.
#[derive(Clone, Debug)]
pub struct RenamePasskey {
    /// Which one.
    pub id: FactorId,
    /// How it is called from now on.
    pub name: PasskeyName,
}

use_case_error! {
    /// Why it keeps its name.
    RenamePasskeyError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// The caller has none of this id.
        NotFound => NotFound, "passkey_not_found", "there is no such passkey";
    } {
        /// A permission is missing.
        Rule(RuleError);
    }
}

/// Renames it.
pub async fn rename(ctx: &Ctx, id: &Identity, command: RenamePasskey) -> Result<Passkey, RenamePasskeyError> {
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, own(action::PASSKEY_RENAME, ctx), done).await
}

async fn apply(mut work: Work<'_, RenamePasskey>) -> Result<Passkey, RenamePasskeyError> {
    let user = work.signed_in().ok_or(RenamePasskeyError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let passkeys = work.tx.passkeys().of_user(organization, user).await?;
    let found = passkeys.into_iter().find(|one| one.id == work.command.id);
    let found = found.ok_or(RenamePasskeyError::NotFound)?;
    let passkey = Passkey {
        name: work.command.name.clone(),
        stamps: found.stamps.clone().changed(Some(user), now),
        ..found
    };
    if !work.tx.passkeys().rename(&passkey).await? {
        return Err(RenamePasskeyError::NotFound);
    }
    work.done(&own(action::PASSKEY_RENAME, &work.ctx)).await?;
    Ok(passkey)
}
