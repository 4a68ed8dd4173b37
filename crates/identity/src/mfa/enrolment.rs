//! Who must have a second factor, and from when. NIST SP 800-63B-4 §2.2 asks two of whoever reaches others' data; OWASP ASVS 5.0
//! §6.3.3.
//!
//! A session of one factor, of somebody whose role has demanded a second one for longer than the grace period, may do nothing but
//! enrol one or prove the one that there is. It is asked at each request and not at the sign-in: a role that is given today counts
//! in the sessions that are there.

use std::time::Duration;

use vutf_kernel::{Aal, Timestamp};

use crate::{role::CustomRoles, session::SessionStatus};

/// Defaults and sources: docs/configuration.md, section `identity.second_factor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentPolicy {
    /// How long after a role was given its holder may go on without a second factor; default 7 d.
    pub grace: Duration,
    /// The roles that demand one; empty: all that reach beyond one's own account. An organization's own
    /// role that does demands it in any case.
    pub roles: Vec<String>,
}

impl Default for EnrolmentPolicy {
    fn default() -> Self {
        Self {
            grace: Duration::from_hours(7 * 24),
            roles: Vec::new(),
        }
    }
}

impl EnrolmentPolicy {
    fn demanded_by(&self, role: &str, known: &CustomRoles) -> bool {
        if self.roles.is_empty() {
            return known.demands_second_factor(role);
        }
        self.roles.iter().any(|named| named == role) || known.is_privileged_custom(role)
    }
    /// Whether whoever holds `roles` must have one, sooner or later: the last one is not removed.
    pub(crate) fn demands(&self, roles: &[String], known: &CustomRoles) -> bool {
        roles.iter().any(|role| self.demanded_by(role, known))
    }
    /// When whoever was given `roles` at these times must have one; `None`: never.
    pub(crate) fn due<'a>(
        &self,
        roles: impl IntoIterator<Item = (&'a String, &'a Timestamp)>,
        known: &CustomRoles,
    ) -> Option<Timestamp> {
        let roles = roles.into_iter();
        let demanding = roles.filter(|(role, _)| self.demanded_by(role, known));
        let since = demanding.map(|(_, since)| *since).min();
        since.map(|since| since.plus(self.grace))
    }
    /// Whether a session may do nothing but enrol. Not one that broke the glass: that account has no factor, and its time is short.
    pub(crate) fn confines(&self, status: &SessionStatus, known: &CustomRoles, now: Timestamp) -> bool {
        let due = || self.due(status.roles.iter().zip(&status.roles_since), known);
        status.assurance.aal == Aal::Aal1 && !status.is_break_glass() && due().is_some_and(|due| now >= due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: Timestamp = Timestamp::from_secs(1_000);

    fn due(policy: &EnrolmentPolicy, roles: &[(&str, Timestamp)]) -> Option<Timestamp> {
        let (names, since): (Vec<String>, Vec<Timestamp>) =
            roles.iter().map(|(name, at)| ((*name).to_owned(), *at)).unzip();
        policy.due(names.iter().zip(&since), &CustomRoles::default())
    }

    #[test]
    fn it_is_due_a_grace_period_after_the_first_role_that_demands_it() {
        let policy = EnrolmentPolicy::default();
        let (later, week) = (GIVEN.plus(Duration::from_hours(1)), policy.grace);
        assert_eq!(due(&policy, &[]), None);
        assert_eq!(due(&policy, &[("user", GIVEN), ("crypto_user", GIVEN)]), None);
        for role in ["super_admin", "admin", "auditor", "a_role_that_nobody_knows"] {
            assert_eq!(
                due(&policy, &[("user", GIVEN), (role, later)]),
                Some(later.plus(week))
            );
        }
        assert_eq!(
            due(&policy, &[("admin", later), ("auditor", GIVEN)]),
            Some(GIVEN.plus(week))
        );
    }

    #[test]
    fn roles_that_are_named_demand_it_and_no_others() {
        let policy = EnrolmentPolicy {
            grace: Duration::ZERO,
            roles: vec!["user".to_owned()],
        };
        assert_eq!(due(&policy, &[("super_admin", GIVEN)]), None);
        assert_eq!(due(&policy, &[("user", GIVEN)]), Some(GIVEN));
    }
}
