//! Removes one of one's own passkeys.

use vutf_kernel::{Ctx, Detail, FactorId, Outcome};

use crate::{
    Identity, RuleError, action,
    mail::MailKind,
    mfa::{
        InsufficientAuthentication, factors,
        freshness::{FRESH, FRESH_SECOND_FACTOR},
        notify, own, password_needs_factor,
        remove::without_codes,
    },
    refusal::use_case_error,
    role::{self, permission},
    session::list::others,
    work::Work,
};

/// Which one.
#[derive(Clone, Copy, Debug)]
pub struct RemovePasskey {
    /// Its id.
    pub id: FactorId,
}

use_case_error! {
    /// Why it is still there.
    RemovePasskeyError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// The caller has none of this id.
        NotFound => NotFound, "passkey_not_found", "there is no such passkey";
        /// None would be left, and a role of the account demands one.
        Demanded => Conflict, "mfa_demanded_by_role", "a role of this account demands a second factor; add another one first";
        /// None would be left, and the password is too short to be the only factor.
        ShortPassword => Conflict, "password_needs_mfa", "the password is too short to be the only factor; set a longer one first";
    } {
        /// A permission is missing.
        Rule(RuleError);
        /// The last proof is too old, or was not of a second factor.
        Fresh(InsufficientAuthentication);
    }
}

/// Removes it, and the backup codes if it was the last factor; answers how many other sessions there are.
pub async fn remove(ctx: &Ctx, id: &Identity, command: RemovePasskey) -> Result<usize, RemovePasskeyError> {
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, own(action::PASSKEY_REMOVE, ctx), done).await
}

async fn apply(mut work: Work<'_, RemovePasskey>) -> Result<usize, RemovePasskeyError> {
    let user = work.signed_in().ok_or(RemovePasskeyError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization, id) = (work.now(), work.ctx.organization_id, work.command.id);
    FRESH.check(&work.ctx, now)?;
    // One at a time: two that remove the last two see one another.
    work.tx.api_keys().lock_owner(organization, user).await?;
    let is_short = password_needs_factor(&mut work, user).await?;
    let before = factors(&mut work, user).await?;
    if before.any() {
        FRESH_SECOND_FACTOR.check(&work.ctx, now)?;
    }
    if !work.tx.passkeys().remove(organization, user, id).await? {
        return Err(RemovePasskeyError::NotFound);
    }
    let last = !before.totp && before.passkeys == 1;
    if last {
        let roles = work.tx.roles().of_user(organization, user).await?;
        let known = role::within(&mut work, &roles).await?;
        if work.id.settings.enrolment.demands(&roles, &known) {
            return Err(RemovePasskeyError::Demanded);
        }
        if is_short {
            return Err(RemovePasskeyError::ShortPassword);
        }
        without_codes(&mut work, user).await?;
    }
    notify(&mut work, user, MailKind::PasskeyRemoved).await?;
    let about = own(action::PASSKEY_REMOVE, &work.ctx);
    work.raise(&about, Outcome::Success, |event| {
        event
            .detail("passkey", Detail::Text(id.to_string()))
            .detail("last", Detail::Bool(last))
    })
    .await?;
    Ok(others(&mut work).await?)
}
