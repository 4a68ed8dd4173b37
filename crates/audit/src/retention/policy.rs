//! How long this installation keeps which class.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use sha2::{Digest as _, Sha256};
use vutf_kernel::Timestamp;

use super::{CLASSES, EventClass, Kept};

/// A period for each class that does not stay for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    periods: BTreeMap<&'static str, Duration>,
}

/// A period below what the class allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("events of the class {class} are kept for at least {} days", .floor.as_secs() / 86_400)]
pub struct TooShort {
    /// The class.
    pub class: &'static str,
    /// Its floor.
    pub floor: Duration,
}

impl Policy {
    /// The documented defaults.
    pub fn documented() -> Self {
        Self {
            periods: CLASSES
                .iter()
                .filter_map(|class| match class.kept {
                    Kept::ForGood => None,
                    Kept::For { default, .. } => Some((class.name, default)),
                })
                .collect(),
        }
    }

    /// The same but for one class. Whole seconds count.
    ///
    /// # Errors
    /// The class stays for good, or for longer.
    pub fn keep(mut self, class: &EventClass, period: Duration) -> Result<Self, TooShort> {
        match class.kept {
            Kept::For { floor, .. } if period >= floor => {
                self.periods
                    .insert(class.name, Duration::from_secs(period.as_secs()));
                Ok(self)
            }
            Kept::For { floor, .. } => Err(TooShort {
                class: class.name,
                floor,
            }),
            Kept::ForGood => Err(TooShort {
                class: class.name,
                floor: Duration::MAX,
            }),
        }
    }

    /// How long the class is kept; `None` for good.
    pub fn period(&self, class: &EventClass) -> Option<Duration> {
        self.periods.get(class.name).copied()
    }

    /// What happened before this instant may go; `None` when nothing may.
    pub fn cutoff(&self, class: &EventClass, now: Timestamp) -> Option<Timestamp> {
        self.period(class).map(|period| now.minus(period))
    }

    /// The latest cutoff of all classes: what happened later is not even looked at.
    pub fn horizon(&self, now: Timestamp) -> Timestamp {
        let shortest = self.periods.values().min().copied();
        now.minus(shortest.unwrap_or(Duration::MAX))
    }

    /// 16 hexadecimal digits of the SHA-256 over all periods: equal policies have equal versions.
    pub fn version(&self) -> String {
        let text = self
            .periods
            .iter()
            .fold(String::new(), |mut text, (class, period)| {
                let _infallible = writeln!(text, "{class}={}", period.as_secs());
                text
            });
        let digest = Sha256::digest(text);
        digest.iter().take(8).fold(String::new(), |mut text, byte| {
            let _infallible = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 86_400;

    fn class(name: &str) -> &'static EventClass {
        EventClass::named(name).unwrap()
    }

    #[test]
    fn floors_hold() {
        let policy = Policy::documented();
        let days = |days: u64| Duration::from_secs(days * DAY);
        for (name, floor) in [
            ("reads", 90),
            ("authentication", 90),
            ("accounts", 365),
            ("other", 365),
        ] {
            let (below, at) = (
                policy.clone().keep(
                    class(name),
                    days(floor).checked_sub(Duration::from_secs(1)).unwrap(),
                ),
                policy.clone().keep(class(name), days(floor)),
            );
            assert_eq!(below.unwrap_err().floor, days(floor), "{name}");
            assert_eq!(at.unwrap().period(class(name)), Some(days(floor)), "{name}");
        }
        assert!(policy.keep(class("evidence"), days(100_000)).is_err());
    }

    #[test]
    fn evidence_has_no_cutoff_and_the_version_is_pinned() {
        let policy = Policy::documented();
        assert_eq!(policy.cutoff(class("evidence"), Timestamp::from_secs(0)), None);
        assert_eq!(policy.version(), VERSION);
        let longer = policy
            .clone()
            .keep(class("reads"), Duration::from_secs(401 * DAY))
            .unwrap();
        assert_ne!(longer.version(), policy.version());
    }

    /// printf 'accounts=220924800\nadministration=220924800\naudit=220924800\nauthentication=34560000\ncryptography=34560000\nkeys=220924800\nother=220924800\nreads=34560000\n' | sha256sum | cut -c-16
    const VERSION: &str = "defe183c6d09ac37";

    proptest! {
        #[test]
        fn nothing_goes_that_is_younger_than_the_horizon(now in 0_i64..4_000_000_000, days in 90_u64..10_000) {
            let policy = Policy::documented().keep(class("reads"), Duration::from_secs(days * DAY)).unwrap();
            let now = Timestamp::from_secs(now);
            for class in CLASSES {
                if let Some(cutoff) = policy.cutoff(class, now) {
                    prop_assert!(cutoff <= policy.horizon(now));
                }
            }
        }
    }
}
