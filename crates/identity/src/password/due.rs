//! Whether a session may do nothing but choose another password.

use vutf_kernel::{Aal, Timestamp};

use super::PasswordPolicy;
use crate::repo::PasswordRecord;

/// Another password is to be chosen before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Since when.
    pub(crate) since: Timestamp,
    /// Why; a stable word.
    pub(crate) reason: &'static str,
}

impl PasswordPolicy {
    /// Whether the password of somebody who has just proved `aal` is to be changed first: because an administrator asked for it,
    /// because it was let in beside a second factor only and none was asked for, or because of its age.
    pub(crate) fn due(&self, record: &PasswordRecord, aal: Aal, now: Timestamp) -> Option<Due> {
        if let Some(since) = record.must_change_at {
            return Some(Due {
                since,
                reason: "required",
            });
        }
        if record.beside_factor && aal == Aal::Aal1 {
            let reason = "second_factor_gone";
            return Some(Due { since: now, reason });
        }
        let since = record.changed_at.plus(self.legacy().max_age()?);
        (now >= since).then_some(Due {
            since,
            reason: "max_age",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vutf_kernel::{OrganizationId, OsEntropy, Secret, Stamps, SystemClock, UserId};

    use super::*;
    use crate::password::LegacyPolicy;

    const SET: Timestamp = Timestamp::from_secs(1_000_000);
    const DAY: Duration = Duration::from_hours(24);

    fn record() -> PasswordRecord {
        PasswordRecord {
            user_id: UserId::generate(&SystemClock, &mut OsEntropy),
            organization_id: OrganizationId::DEFAULT,
            phc: Secret::new(String::new()),
            changed_at: SET,
            must_change_at: None,
            beside_factor: false,
            stamps: Stamps::new(None, SET),
        }
    }

    fn reason(
        policy: &PasswordPolicy,
        record: &PasswordRecord,
        aal: Aal,
        now: Timestamp,
    ) -> Option<&'static str> {
        policy.due(record, aal, now).map(|due| due.reason)
    }

    #[test]
    fn age_alone_makes_nothing_due_unless_it_is_asked_for() {
        let aged = PasswordPolicy::default().with_legacy(LegacyPolicy::new(0, 0, Some(DAY * 90)).unwrap());
        let end = SET.plus(DAY * 90);
        let last = end.minus(Duration::from_micros(1));
        for aal in [Aal::Aal1, Aal::Aal2] {
            assert_eq!(reason(&aged, &record(), aal, last), None);
            assert_eq!(reason(&aged, &record(), aal, end), Some("max_age"));
            let century = SET.plus(DAY * 36_500);
            assert_eq!(reason(&PasswordPolicy::default(), &record(), aal, century), None);
        }
    }

    #[test]
    fn a_short_one_is_due_where_it_stood_alone() {
        let short = PasswordRecord {
            beside_factor: true,
            ..record()
        };
        let policy = PasswordPolicy::default();
        assert_eq!(
            reason(&policy, &short, Aal::Aal1, SET),
            Some("second_factor_gone")
        );
        assert_eq!(reason(&policy, &short, Aal::Aal2, SET), None);
        let asked = PasswordRecord {
            must_change_at: Some(SET),
            ..short
        };
        assert_eq!(reason(&policy, &asked, Aal::Aal2, SET), Some("required"));
    }
}
