//! The system-use notice that everybody agrees to who signs in, and what is kept of that (NIST SP 800-53, AC-8).
//!
//! A notice has a version. Whoever signs in sends the version that they were shown; with another one nobody signs in, and nothing is
//! looked at. That a person agreed is kept once for each version; each sign-in tells of it in the log. API keys sign nobody in.

use async_trait::async_trait;
use vutf_kernel::{Detail, OrganizationId, Outcome, PortError, Timestamp, UserId};

use crate::{
    User, action,
    work::{About, Work},
};

/// The document that [`accept`] is about.
const SYSTEM_USE: &str = "system_use";

/// The notice. Defaults and sources: docs/configuration.md, section `identity.system_use`.
#[derive(Clone, Debug, Default)]
pub struct SystemUse {
    /// What it says; empty where there is none.
    pub text: String,
    /// Which it is; another text is another version.
    pub version: String,
    /// Whether nobody signs in who does not agree.
    pub required: bool,
}

impl SystemUse {
    /// Whether somebody may go on who agrees to `accepted`. Who agrees to what is not the present notice was shown something else.
    pub fn admits(&self, accepted: Option<&str>) -> bool {
        match accepted {
            Some(version) => !self.text.is_empty() && version == self.version,
            None => !self.required,
        }
    }
}

/// That somebody agreed to something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// Who.
    pub user_id: UserId,
    /// To what.
    pub document: String,
    /// Which version of it.
    pub version: String,
    /// When first.
    pub accepted_at: Timestamp,
}

/// What persons agreed to.
#[async_trait]
pub trait ConsentRepo: Send {
    /// Keeps one; `false`, with nothing changed, when the same is kept already.
    async fn put(&mut self, consent: &Consent) -> Result<bool, PortError>;
    /// A person's, oldest first; at most 100.
    async fn of_user(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Vec<Consent>, PortError>;
    /// Removes a person's; how many.
    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError>;
}

/// Notes that `user`, who signs in, agrees to the present notice, if they said so.
pub(crate) async fn accept<C>(
    work: &mut Work<'_, C>,
    user: &User,
    accepted: Option<&str>,
) -> Result<(), PortError> {
    let Some(version) = accepted.map(str::to_owned) else {
        return Ok(());
    };
    let consent = Consent {
        organization_id: user.organization_id,
        user_id: user.id,
        document: SYSTEM_USE.to_owned(),
        version: version.clone(),
        accepted_at: work.now(),
    };
    let first = work.tx.consents().put(&consent).await?;
    let about = About::user(action::SYSTEM_USE_ACCEPT, user.id);
    work.raise(&about, Outcome::Success, |event| {
        event
            .detail("notice", Detail::Text(version))
            .detail("first", Detail::Bool(first))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_agrees_to_another_notice_agrees_to_none() {
        let notice = |required, text: &str| SystemUse {
            text: text.to_owned(),
            version: "2".to_owned(),
            required,
        };
        for (required, text, accepted, admitted) in [
            (true, "Be good.", Some("2"), true),
            (true, "Be good.", Some("1"), false),
            (true, "Be good.", None, false),
            (false, "Be good.", None, true),
            (false, "Be good.", Some("2"), true),
            (false, "Be good.", Some("1"), false),
            (false, "", Some("2"), false),
            (false, "", None, true),
        ] {
            assert_eq!(
                notice(required, text).admits(accepted),
                admitted,
                "{required} {text:?} {accepted:?}"
            );
        }
    }
}
