//! How long sessions last. NIST SP 800-63B-4 §2.1.3 (AAL1), §2.2.3 (AAL2), §2.3.3 (AAL3).

use std::time::Duration;

use vutf_kernel::{Aal, Assurance, Timestamp};

use super::Session;
use crate::Settings;

/// How long a session of one level lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// From the last proof, whatever happens.
    pub absolute: Duration,
    /// Without use.
    pub idle: Duration,
}

/// How long sessions of two factors last, and how many a person has. Those of one factor last
/// [`Settings::refresh_absolute`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// Two factors; default 24 h and 1 h.
    pub aal2: Lifetime,
    /// Two factors, one of them bound to hardware; default 12 h and 15 min.
    pub aal3: Lifetime,
    /// Sessions that one person has at once; with one more the oldest ends. Default 20.
    pub max_per_user: u32,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self {
            aal2: Lifetime {
                absolute: Duration::from_hours(24),
                idle: Duration::from_hours(1),
            },
            aal3: Lifetime {
                absolute: Duration::from_hours(12),
                idle: Duration::from_mins(15),
            },
            max_per_user: 20,
        }
    }
}

/// When a session ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Whatever happens.
    pub expires_at: Timestamp,
    /// Unless it is used before; `None` where only the other counts.
    pub idle_expires_at: Option<Timestamp>,
}

impl Settings {
    fn lifetime(&self, aal: Aal) -> Option<Lifetime> {
        match aal {
            Aal::Aal1 => None,
            Aal::Aal2 => Some(self.sessions.aal2),
            Aal::Aal3 => Some(self.sessions.aal3),
        }
    }
    /// When a session that began at `began` and was used at `used` ends. The clock of a higher level starts with the last proof,
    /// and so starts anew with each; no proof carries a session past the end of its first level.
    pub(crate) fn ends(&self, began: Timestamp, assurance: &Assurance, used: Timestamp) -> Ends {
        let latest = began.plus(self.refresh_absolute);
        let level = self.lifetime(assurance.aal);
        let expires_at = level.map_or(latest, |level| {
            assurance.auth_time.plus(level.absolute).min(latest)
        });
        Ends {
            expires_at,
            idle_expires_at: self.idle_end(assurance.aal, used),
        }
    }
    /// When a session of that level that was used at `used` ends unless it is used again.
    pub(crate) fn idle_end(&self, aal: Aal, used: Timestamp) -> Option<Timestamp> {
        self.lifetime(aal).map(|level| used.plus(level.idle))
    }
}

/// Why a session that was not ended by anybody is over at `now`.
pub(crate) fn over(
    expires_at: Timestamp,
    idle_expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<&'static str> {
    if now >= expires_at {
        return Some("session_expired");
    }
    idle_expires_at
        .is_some_and(|end| now >= end)
        .then_some("session_idle")
}

impl Session {
    /// When it ends.
    pub fn ends(&self) -> Ends {
        Ends {
            expires_at: self.expires_at,
            idle_expires_at: self.idle_expires_at,
        }
    }
    /// Moves both ends.
    pub(crate) fn until(self, ends: Ends) -> Self {
        Self {
            expires_at: ends.expires_at,
            idle_expires_at: ends.idle_expires_at,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: Timestamp = Timestamp::from_secs(1_000);

    fn ends(aal: Aal, proved: Timestamp, used: Timestamp) -> Ends {
        let assurance = Assurance {
            aal,
            auth_time: proved,
            amr: Vec::new(),
        };
        Settings::new("i", "a").ends(BEGAN, &assurance, used)
    }

    #[test]
    fn each_level_has_its_clock() {
        let hours = |n| BEGAN.plus(Duration::from_hours(n));
        let minutes = |n| Some(BEGAN.plus(Duration::from_mins(n)));
        for (aal, expires_at, idle_expires_at) in [
            (Aal::Aal1, hours(30 * 24), None),
            (Aal::Aal2, hours(24), minutes(60)),
            (Aal::Aal3, hours(12), minutes(15)),
        ] {
            let expected = Ends {
                expires_at,
                idle_expires_at,
            };
            assert_eq!(ends(aal, BEGAN, BEGAN), expected, "{aal:?}");
        }
    }

    #[test]
    fn a_proof_starts_the_clock_anew_but_not_the_month() {
        let late = BEGAN.plus(Duration::from_hours(29 * 24 + 12));
        assert_eq!(
            ends(Aal::Aal2, late, late).expires_at,
            BEGAN.plus(Duration::from_hours(30 * 24))
        );
        let soon = BEGAN.plus(Duration::from_hours(20));
        assert_eq!(
            ends(Aal::Aal2, soon, soon).expires_at,
            BEGAN.plus(Duration::from_hours(44))
        );
        assert_eq!(
            ends(Aal::Aal1, soon, soon).expires_at,
            BEGAN.plus(Duration::from_hours(30 * 24))
        );
    }

    #[test]
    fn it_is_over_at_the_moment_of_its_end() {
        let at = |secs| Timestamp::from_secs(secs);
        assert_eq!(over(at(10), Some(at(5)), at(4)), None);
        assert_eq!(over(at(10), Some(at(5)), at(5)), Some("session_idle"));
        assert_eq!(over(at(10), None, at(9)), None);
        assert_eq!(over(at(10), Some(at(50)), at(10)), Some("session_expired"));
    }
}
