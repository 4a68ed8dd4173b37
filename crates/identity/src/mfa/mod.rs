//! The second factor: time-based codes (RFC 6238), backup codes and passkeys ([`crate::passkey`]), their enrolment, and what they
//! prove.
//!
//! A factor goes from made over confirmed to removed. Only a confirmed one is asked for, and only the code that an app shows
//! confirms it. A code is good once: whoever sees it over a shoulder comes too late.

pub mod adoption;
pub mod backup;
pub mod confirm;
pub mod enrol;
pub mod enrolment;
pub mod freshness;
pub(crate) mod prove;
pub mod regenerate;
pub mod remove;
pub mod repo;
pub mod reset;
pub mod totp;
pub mod view;

use std::time::Duration;

use vutf_kernel::{Action, Ctx, PortError, Secret, UserId};

use crate::{
    guard::GuardKey,
    mail::{self, MailKind},
    passkey::Assertion,
    work::{About, Work},
};

pub use self::{
    backup::BackupCode,
    enrolment::EnrolmentPolicy,
    freshness::{Demand, InsufficientAuthentication},
    repo::{MfaChallenge, MfaRepo, TotpFactor},
    totp::TotpSecret,
};

/// How long a sign-in waits for its second factor: 5 min.
pub const CHALLENGE_LIFE: Duration = Duration::from_mins(5);
/// How long a secret waits to be confirmed: 10 min. It stands on a screen for as long.
pub const ENROLMENT_LIFE: Duration = Duration::from_mins(10);

/// Kinds of second factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A code from an authenticator app.
    Totp,
    /// One of the codes that were written down.
    BackupCode,
    /// A key of an authenticator.
    Passkey,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Totp, Self::BackupCode, Self::Passkey];
    /// Those that somebody could guess, so that attempts are counted.
    pub(crate) const GUESSABLE: [Self; 2] = [Self::Totp, Self::BackupCode];

    /// The stable word for the wire and the counters against guessing.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::BackupCode => "backup_code",
            Self::Passkey => "passkey",
        }
    }
    /// Reads the stable word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }
}

/// A code that somebody presents as their second factor.
#[derive(Clone, Debug)]
pub struct Presented {
    /// Which kind. A passkey is no code.
    pub method: Method,
    /// As typed.
    pub code: Secret<String>,
}

/// What somebody presents as their second factor.
#[derive(Clone, Debug)]
pub enum Factor {
    /// A code.
    Code(Presented),
    /// The answer of an authenticator.
    Passkey(Assertion),
}

impl From<Presented> for Factor {
    fn from(presented: Presented) -> Self {
        Self::Code(presented)
    }
}

/// Which factors somebody has, beside the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Factors {
    pub(crate) totp: bool,
    pub(crate) passkeys: u64,
}

impl Factors {
    /// Whether a sign-in with a password asks for one.
    pub(crate) fn any(&self) -> bool {
        self.totp || self.passkeys > 0
    }
}

/// Which factors `user` has.
pub(crate) async fn factors<C>(work: &mut Work<'_, C>, user: UserId) -> Result<Factors, PortError> {
    let organization = work.ctx.organization_id;
    Ok(Factors {
        totp: work.tx.mfa().confirmed(organization, user).await?.is_some(),
        passkeys: work.tx.passkeys().count_of(organization, user).await?,
    })
}

/// Whether the password of `user` is good beside a second factor only. To be asked before the factors are looked at: it takes the
/// lock under which passwords are set.
pub(crate) async fn password_needs_factor<C>(
    work: &mut Work<'_, C>,
    user: UserId,
) -> Result<bool, PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let key = GuardKey::password_of(user);
    work.tx.guards().lock(organization, &key, now).await?;
    let password = work.tx.passwords().find(organization, user).await?;
    Ok(password.is_some_and(|record| record.beside_factor))
}

/// What an action on one's own factors is about.
pub(crate) fn own(action: Action, ctx: &Ctx) -> About {
    match ctx.actor.user_id() {
        Some(user) => About::user(action, user),
        None => About::kind(action),
    }
}

/// Has somebody told what became of their factor.
pub(crate) async fn notify<C>(work: &mut Work<'_, C>, user: UserId, kind: MailKind) -> Result<(), PortError> {
    if !work.id.settings.mail.enabled {
        return Ok(());
    }
    let organization = work.ctx.organization_id;
    let Some(user) = work.tx.users().find(organization, user).await? else {
        return Ok(());
    };
    mail::notify(work, &user, kind, &user.email).await
}

#[cfg(test)]
mod tests {
    use super::Method;

    #[test]
    fn methods_are_read_as_they_are_written() {
        for method in Method::ALL {
            assert_eq!(Method::parse(method.as_str()), Some(method));
        }
        for other in ["", "password", "TOTP", "totp "] {
            assert_eq!(Method::parse(other), None);
        }
    }
}
