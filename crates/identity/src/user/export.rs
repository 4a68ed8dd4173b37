//! The part of an export that is about who asks for it. What is held is the caller's to read: only they know all domains.

use vutf_kernel::{Ctx, Detail, Outcome, UserId};

use crate::{
    Identity, RuleError, action,
    erasure_request::ask::proved,
    mail::{self, MailKind},
    mfa::InsufficientAuthentication,
    refusal::use_case_error,
    work::{About, Work},
};

use_case_error! {
    /// Why nothing is taken out.
    ExportOwnError {
        /// The caller is in no session, or the account is gone.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
    } {
        /// A permission is missing.
        Rule(RuleError);
        /// The session has not proved enough, or not lately.
        Fresh(InsufficientAuthentication);
    }
}

/// The caller, if they have proved lately who they are: whoever takes all of it out can pass for them elsewhere.
pub async fn admit(ctx: &Ctx, id: &Identity) -> Result<UserId, ExportOwnError> {
    id.run(ctx, (), |work| Box::pin(find(work))).await
}

async fn find(mut work: Work<'_, ()>) -> Result<UserId, ExportOwnError> {
    let user = proved::<_, ExportOwnError>(&mut work).await?;
    Ok(user.ok_or(ExportOwnError::NotSignedIn)?.id)
}

/// Notes in the log what was taken out, by the digest of what was signed of it, and tells the person.
pub async fn note(ctx: &Ctx, id: &Identity, person: UserId, sha256: String) -> Result<(), ExportOwnError> {
    id.run(ctx, (person, sha256), |work| Box::pin(tell(work))).await
}

async fn tell(mut work: Work<'_, (UserId, String)>) -> Result<(), ExportOwnError> {
    let command = work.command.clone();
    let (person, sha256) = &*command;
    let organization = work.ctx.organization_id;
    let user = work.tx.users().find(organization, *person).await?;
    let user = user.ok_or(ExportOwnError::NotSignedIn)?;
    mail::notify(&mut work, &user, MailKind::DataExported, &user.email).await?;
    let about = About::user(action::SUBJECT_EXPORT, user.id);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("statement_sha256", Detail::Text(sha256.clone()))
    })
    .await?;
    Ok(())
}

/// Writes a refusal to the log, in a transaction of its own.
pub async fn audited<T: Send>(
    ctx: &Ctx,
    id: &Identity,
    done: Result<T, ExportOwnError>,
) -> Result<T, ExportOwnError> {
    let about = match ctx.actor.user_id() {
        Some(user) => About::user(action::SUBJECT_EXPORT, user),
        None => About::kind(action::SUBJECT_EXPORT),
    };
    id.audited(ctx, about, done).await
}
