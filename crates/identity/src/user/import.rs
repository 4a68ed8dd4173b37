//! Takes in accounts of another system with the hashes of their passwords, so that nobody has to choose a new one. At the first
//! sign-in the hash is replaced by one of ours.

use vutf_kernel::{Ctx, Detail, Fault, Outcome, PortError, UserId};

use super::{
    UserKind,
    account::{self, NewAccount},
};
use crate::{
    DisplayName, Email, Identity, IdentityTaken, LoginName, Phone, RuleError, Username, action,
    password::ImportedHash,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// An account of another system.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// The name.
    pub username: Username,
    /// The address.
    pub email: Email,
    /// Whether the address counts as proved; who has not proved it cannot sign in.
    pub verified: bool,
    /// What others see.
    pub display_name: Option<DisplayName>,
    /// Telephone number.
    pub phone: Option<Phone>,
    /// The hash of the password; without one nobody can sign in until one is set.
    pub hash: Option<ImportedHash>,
    /// Whether the password is to be changed at the first sign-in.
    pub must_change_password: bool,
}

/// Accounts that are taken in together, or not at all.
#[derive(Clone, Debug)]
pub struct ImportUsers {
    /// They, at most [`MAX_BATCH`].
    pub batch: Vec<Newcomer>,
    /// Look, and change nothing.
    pub dry_run: bool,
}

/// So many accounts in one transaction at most.
pub const MAX_BATCH: usize = 500;

/// What became of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is there now; in a dry run, it would be.
    Made(Option<UserId>),
    /// There is an account with the name or the address already. It is as it was.
    Exists,
}

use_case_error! {
    /// Why nobody was taken in.
    ImportError {
        /// Too many at once.
        TooMany => Invalid, "number_of_items", "at most 500 accounts are taken in at once";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// Takes a batch in, all of it or nothing; answers what became of each. What is there already stays as it is, so that an import
/// that broke off can be run again.
pub async fn import(ctx: &Ctx, id: &Identity, command: ImportUsers) -> Result<Vec<Imported>, ImportError> {
    let done = if command.batch.len() > MAX_BATCH {
        Err(ImportError::TooMany)
    } else {
        id.run(ctx, command, |work| Box::pin(apply(work))).await
    };
    id.audited(ctx, About::kind(action::USER_IMPORT), done).await
}

async fn apply(mut work: Work<'_, ImportUsers>) -> Result<Vec<Imported>, ImportError> {
    // Only from the machine: whoever brings hashes along decides who can sign in as whom.
    if !work.ctx.is_trusted() {
        return Err(RuleError::Denied(permission::USERS_WRITE).into());
    }
    let command = work.command.clone();
    let mut outcomes = Vec::with_capacity(command.batch.len());
    for newcomer in &command.batch {
        outcomes.push(one(&mut work, newcomer, command.dry_run).await?);
    }
    let existing = outcomes
        .iter()
        .filter(|outcome| **outcome == Imported::Exists)
        .count();
    let number = |count: usize| Detail::Number(i64::try_from(count).unwrap_or(i64::MAX));
    let made = number(outcomes.len() - existing);
    let about = About::kind(action::USER_IMPORT);
    work.raise(&about, Outcome::Success, |event| {
        event
            .detail("accounts", made)
            .detail("existing", number(existing))
            .detail("dry_run", Detail::Bool(command.dry_run))
    })
    .await?;
    Ok(outcomes)
}

async fn one(
    work: &mut Work<'_, ImportUsers>,
    newcomer: &Newcomer,
    dry_run: bool,
) -> Result<Imported, ImportError> {
    let organization = work.ctx.organization_id;
    let names = [
        LoginName::Username(newcomer.username.clone()),
        LoginName::Email(newcomer.email.clone()),
    ];
    for name in names {
        if work
            .tx
            .users()
            .find_by_login(organization, &name)
            .await?
            .is_some()
        {
            return Ok(Imported::Exists);
        }
    }
    if dry_run {
        return Ok(Imported::Made(None));
    }
    let account = NewAccount {
        kind: UserKind::Person,
        username: newcomer.username.clone(),
        email: newcomer.email.clone(),
        display_name: newcomer.display_name.clone(),
        phone: newcomer.phone.clone(),
        verified: newcomer.verified,
        must_change: newcomer.must_change_password,
        roles: Vec::new(),
        phc: newcomer.hash.as_ref().map(|hash| hash.text().clone()),
    };
    let user = account::open::<_, Clash>(work, &account)
        .await
        .map_err(Clash::into_port)?;
    let scheme = newcomer.hash.as_ref().map_or("none", ImportedHash::scheme);
    let about = About::written(action::USER_IMPORT, &user);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("hash", Detail::Text(scheme.to_owned()))
    })
    .await?;
    Ok(Imported::Made(Some(user.id)))
}

/// An account that somebody else made since it was looked for: the batch is done again, and finds it.
struct Clash(PortError);

impl Clash {
    fn into_port(self) -> PortError {
        self.0
    }
}

impl From<PortError> for Clash {
    fn from(error: PortError) -> Self {
        Self(error)
    }
}

impl From<IdentityTaken> for Clash {
    fn from(_: IdentityTaken) -> Self {
        Self(PortError::new(
            "user.import",
            Fault::Contention,
            "the name was taken meanwhile",
        ))
    }
}
