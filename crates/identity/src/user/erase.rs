//! The part of an erasure that is about accounts. The keys, the certificate and the event are the caller's, in the same
//! transaction: only together they are an erasure (GDPR Art. 17).

use std::{collections::BTreeMap, sync::Arc};

use vutf_kernel::{Ctx, Env, UserId};

use super::reach::{not_last_super_admin, not_self, reach};
use crate::{
    Identity, IdentityUnit, RuleError, VersionError, action,
    link::LinkPurpose,
    refusal::use_case_error,
    role::permission,
    work::{About, Work, require},
};

/// Erases a person.
#[derive(Clone, Copy, Debug)]
pub struct EraseUser {
    /// Whom.
    pub user_id: UserId,
    /// The version that the caller read. The operator of the machine and the service itself need none.
    pub expected_version: Option<i64>,
    /// Whether they were erased before and are here again, because older data was restored: it must not fail for a rule.
    pub again: bool,
}

use_case_error! {
    /// Why nobody was erased.
    EraseError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// No version, or one that has moved on.
        Version(VersionError);
    }
}

use_case_error! {
    /// Why no certificate is shown.
    CertificateError {
        /// Nobody was erased under this id.
        NotFound => NotFound, "erasure_not_found", "nobody was erased under this id";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// Rows that were removed or emptied, by table.
pub type Counts = BTreeMap<String, u64>;

/// Refuses whoever may not erase anybody.
pub fn permitted(ctx: &Ctx) -> Result<(), EraseError> {
    Ok(require(ctx, &permission::SUBJECTS_ERASE)?)
}

/// Refuses whoever may not see what erasures leave: it is for those who erase.
pub fn permitted_look(ctx: &Ctx) -> Result<(), CertificateError> {
    Ok(require(ctx, &permission::SUBJECTS_ERASE)?)
}

/// Ends everything of an account and removes everything personal from it, whether it was deleted before or not. Neither one's
/// own nor the last active super administrator's.
pub async fn erase<'a>(
    ctx: &Ctx,
    id: &Identity,
    tx: &'a mut (dyn IdentityUnit + 'static),
    env: Env<'a>,
    command: EraseUser,
) -> Result<Counts, EraseError> {
    let mut work = Work {
        tx,
        env,
        ctx: Arc::new(ctx.clone()),
        id: id.clone(),
        command: Arc::new(command),
    };
    if !(command.again && ctx.is_trusted()) {
        admit(&mut work).await?;
    }
    remove(&mut work).await
}

/// Writes a refusal to the log, in a transaction of its own.
pub async fn audited<T: Send>(
    ctx: &Ctx,
    id: &Identity,
    user: UserId,
    done: Result<T, EraseError>,
) -> Result<T, EraseError> {
    let about = About::user(action::SUBJECT_ERASE, user);
    id.audited(ctx, about, done).await
}

/// The same for a look at a certificate.
pub async fn audited_look<T: Send>(
    ctx: &Ctx,
    id: &Identity,
    user: UserId,
    done: Result<T, CertificateError>,
) -> Result<T, CertificateError> {
    let about = About::user(action::SUBJECT_ERASURE_READ, user);
    id.audited(ctx, about, done).await
}

async fn admit(work: &mut Work<'_, EraseUser>) -> Result<(), EraseError> {
    let command = *work.command;
    let target = reach::<_, EraseError>(work, &permission::SUBJECTS_ERASE, command.user_id, true).await?;
    let target = target.ok_or(EraseError::NotFound)?;
    if command.expected_version.is_some() || !work.ctx.is_trusted() {
        VersionError::check(command.expected_version, target.user.stamps.version)?;
    }
    not_self(work, command.user_id)?;
    not_last_super_admin::<_, EraseError>(work, &target).await
}

async fn remove(work: &mut Work<'_, EraseUser>) -> Result<Counts, EraseError> {
    let (user, organization) = (work.command.user_id, work.ctx.organization_id);
    let (now, by) = (work.now(), work.by());
    if !work.tx.users().erase(organization, user, by, now).await? {
        return Err(EraseError::NotFound);
    }
    let ended = work
        .tx
        .sessions()
        .revoke_all(organization, user, None, "erased", by, now)
        .await?;
    let origins = work.tx.sessions().forget_origins(organization, user).await?;
    let passwords = work.tx.passwords().remove(organization, user).await?;
    let past = work.tx.passwords().forget_past(organization, user, 0).await?;
    let mfa = work.tx.mfa().remove_of(organization, user).await?;
    let passkeys = work.tx.passkeys().remove_of(organization, user).await?;
    let keys = work.tx.api_keys().remove_of(organization, user).await?;
    let links = work.tx.links().end(organization, user, &LinkPurpose::ALL).await?;
    let letters = work.tx.mail().remove_of(organization, user).await?;
    let guards = work.tx.guards().remove_of(organization, user).await?;
    let consents = work.tx.consents().remove_of(organization, user).await?;
    let asked = work.tx.erasure_requests().finish(organization, user, now).await?;
    let roles = work.tx.roles().of_user(organization, user).await?;
    work.tx.roles().assign(organization, user, &[], by, now).await?;
    let size = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    Ok([
        ("users", 1),
        ("sessions_ended", size(ended.len())),
        ("sessions_emptied", origins),
        ("passwords", passwords),
        ("password_history", past),
        ("totp_factors", mfa.factors),
        ("backup_codes", mfa.codes),
        ("mfa_challenges", mfa.challenges),
        ("passkeys", passkeys),
        ("api_keys", keys),
        ("account_links", links),
        ("mail_outbox", letters),
        ("login_guards", guards),
        ("consents", consents),
        ("erasure_requests", u64::from(asked)),
        ("user_roles", size(roles.len())),
    ]
    .map(|(table, rows)| (table.to_owned(), rows))
    .into())
}
