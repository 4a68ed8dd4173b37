//! What one person may propose and another approve, as a request names it.

use uuid::Uuid;
use vutf_audit::analysis::rules::rule_subject;
use vutf_identity::role::{SUPER_ADMIN, permission};
use vutf_kernel::{OrganizationId, Permission, Timestamp, UserId};

/// What is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// Somebody becomes a super administrator.
    Grant(UserId),
    /// Somebody is no super administrator any more.
    Take(UserId),
    /// A rule of the analysis is switched off.
    Disable {
        /// Which.
        rule: String,
    },
    /// Nobody is told of what a rule finds.
    Silence {
        /// Which.
        rule: String,
        /// Until when.
        until: Timestamp,
    },
}

const GRANT: &str = "role.grant:super_admin";
const TAKE: &str = "role.take:super_admin";
const DISABLE: &str = "audit.rule.disable:";
const SILENCE: &str = "audit.rule.silence:";

impl Proposal {
    /// As the request's row names it; what it is about beside the subject stands in it, under the row's MAC.
    pub fn action(&self) -> String {
        match self {
            Self::Grant(_) => GRANT.to_owned(),
            Self::Take(_) => TAKE.to_owned(),
            Self::Disable { rule } => format!("{DISABLE}{rule}"),
            Self::Silence { rule, until } => format!("{SILENCE}{rule}:{}", until.as_micros()),
        }
    }

    /// What a row names; `None` where it is a request of another kind.
    pub fn parse(action: &str, subject: Uuid) -> Option<Self> {
        let user = UserId::from_uuid(subject);
        if action == GRANT {
            return Some(Self::Grant(user));
        }
        if action == TAKE {
            return Some(Self::Take(user));
        }
        if let Some(rule) = action.strip_prefix(DISABLE) {
            return Some(Self::Disable {
                rule: rule.to_owned(),
            });
        }
        let (rule, until) = action.strip_prefix(SILENCE)?.rsplit_once(':')?;
        Some(Self::Silence {
            rule: rule.to_owned(),
            until: Timestamp::from_micros(until.parse().ok()?),
        })
    }

    /// What it is about.
    pub fn subject(&self, organization: OrganizationId) -> Uuid {
        match self {
            Self::Grant(user) | Self::Take(user) => user.as_uuid(),
            Self::Disable { rule } | Self::Silence { rule, .. } => rule_subject(organization, rule),
        }
    }

    /// What both persons need.
    pub fn permission(&self) -> Permission {
        match self {
            Self::Grant(_) | Self::Take(_) => permission::ROLES_ASSIGN,
            Self::Disable { .. } | Self::Silence { .. } => permission::AUDIT_MANAGE,
        }
    }

    /// The roles of somebody once it is done.
    pub(super) fn roles(&self, before: &[String]) -> Vec<String> {
        let mut after: Vec<String> = before
            .iter()
            .filter(|name| *name != SUPER_ADMIN)
            .cloned()
            .collect();
        if matches!(self, Self::Grant(_)) {
            after.push(SUPER_ADMIN.to_owned());
        }
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_proposed_is_read_as_it_is_written() {
        let user = UserId::from_uuid(Uuid::from_u128(7));
        let organization = OrganizationId::DEFAULT;
        let rule = || "guessing-burst".to_owned();
        let until = Timestamp::from_secs(1_000);
        for proposal in [
            Proposal::Grant(user),
            Proposal::Take(user),
            Proposal::Disable { rule: rule() },
            Proposal::Silence { rule: rule(), until },
        ] {
            let read = Proposal::parse(&proposal.action(), proposal.subject(organization));
            assert_eq!(read, Some(proposal));
        }
        for other in [
            "key.destroy",
            "audit.rule.silence:x",
            "audit.rule.silence:x:soon",
            "role.grant:admin",
        ] {
            assert_eq!(Proposal::parse(other, user.as_uuid()), None, "{other}");
        }
    }

    #[test]
    fn a_role_is_given_or_taken_and_the_others_stay() {
        let user = UserId::from_uuid(Uuid::nil());
        let before = ["auditor".to_owned(), "user".to_owned()];
        let after = Proposal::Grant(user).roles(&before);
        assert_eq!(after, ["auditor", "user", "super_admin"]);
        assert_eq!(Proposal::Take(user).roles(&after), before);
    }

    #[test]
    fn rules_of_two_tenants_are_two_subjects() {
        let next_door = OrganizationId::from_uuid(Uuid::from_u128(2));
        let proposal = Proposal::Disable { rule: "x".to_owned() };
        assert_ne!(
            proposal.subject(OrganizationId::DEFAULT),
            proposal.subject(next_door)
        );
    }
}
