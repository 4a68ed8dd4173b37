//! Makes an account: the one way in for registration, administration and bootstrap.

use vutf_kernel::{Fault, PortError, Secret, Stamps, UserId};

use super::{User, UserKind, UserStatus};
use crate::{DisplayName, Email, IdentityTaken, Phone, Username, repo::PasswordRecord, role, work::Work};

/// An account to be.
#[derive(Clone)]
pub(crate) struct NewAccount {
    pub(crate) kind: UserKind,
    pub(crate) username: Username,
    pub(crate) email: Email,
    pub(crate) display_name: Option<DisplayName>,
    pub(crate) phone: Option<Phone>,
    /// Whether the address counts as proved.
    pub(crate) verified: bool,
    /// Roles beside the one that everybody has.
    pub(crate) roles: Vec<String>,
    /// The hash of its password; none means that nobody can sign in until one is set.
    pub(crate) phc: Option<Secret<String>>,
    /// Whether the password is to be changed at the first sign-in.
    pub(crate) must_change: bool,
}

/// Names of roles as they are stored: sorted, each once, with the one that everybody has.
pub(crate) fn role_names(roles: &[String]) -> Vec<String> {
    let mut names = roles.to_vec();
    names.push(role::USER.to_owned());
    names.sort_unstable();
    names.dedup();
    names
}

/// Adds the account, its password and its roles; the caller raises the event.
pub(crate) async fn open<C, E>(work: &mut Work<'_, C>, account: &NewAccount) -> Result<User, E>
where
    E: From<PortError> + From<IdentityTaken>,
{
    let (now, by) = (work.now(), work.by());
    let user = User {
        id: UserId::generate(work.env.clock, work.env.entropy),
        organization_id: work.ctx.organization_id,
        kind: account.kind,
        username: account.username.clone(),
        email: account.email.clone(),
        display_name: account.display_name.clone(),
        phone: account.phone.clone(),
        status: if account.verified {
            UserStatus::Active
        } else {
            UserStatus::Unverified
        },
        email_verified_at: account.verified.then_some(now),
        epoch: 0,
        last_login_at: None,
        last_seen_at: None,
        stamps: Stamps::new(by, now),
    };
    match work.tx.users().insert(&user).await {
        Err(error) if error.fault == Fault::Duplicate => return Err(IdentityTaken.into()),
        other => other?,
    }
    if let Some(phc) = account.phc.clone() {
        let record = PasswordRecord {
            user_id: user.id,
            organization_id: user.organization_id,
            phc,
            changed_at: now,
            must_change_at: account.must_change.then_some(now),
            // Nobody has a second factor before they have an account.
            beside_factor: false,
            stamps: Stamps::new(by, now),
        };
        work.tx.passwords().put(&record).await?;
    }
    let roles = role_names(&account.roles);
    work.tx
        .roles()
        .assign(user.organization_id, user.id, &roles, by, now)
        .await?;
    Ok(user)
}
