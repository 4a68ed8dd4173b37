//! How long events of the audit log are kept.

use std::time::Duration;

use super::macros::settings;

settings! {
    /// Which events of the audit log are removed, and when. Hashes, chain, tree and checkpoints stay for ever.
    pub struct Retention("audit.retention.") {
        /// Whether anything is removed. Off until somebody has read the periods below and decided that they are theirs: what is
        /// removed is gone.
        enabled: bool = false, source = "NIST SP 800-53, AU-11";
        /// How often what is old is removed. One replica at a time does, by lease.
        interval: Duration = Duration::from_hours(24), floor = Duration::from_mins(1), ceiling = Duration::from_hours(31 * 24);
        /// Somebody saw something.
        reads: Duration = days(400), floor = days(90), ceiling = MOST, source = "PCI DSS 4.0.1, 10.5.1";
        /// Signing in and out, sessions, tokens.
        authentication: Duration = days(400), floor = days(90), ceiling = MOST, source = "PCI DSS 4.0.1, 10.5.1";
        /// Programs use named keys.
        cryptography: Duration = days(400), floor = days(90), ceiling = MOST, source = "PCI DSS 4.0.1, 10.5.1";
        /// Accounts and persons are changed.
        accounts: Duration = days(2_557), floor = days(365), ceiling = MOST, source = "OMB M-21-31; PCI DSS 4.0.1, 10.5.1";
        /// Keys are handled, but for their life, which is kept for good.
        keys: Duration = days(2_557), floor = days(365), ceiling = MOST, source = "OMB M-21-31; PCI DSS 4.0.1, 10.5.1";
        /// Roles, permissions and the service itself.
        administration: Duration = days(2_557), floor = days(365), ceiling = MOST, source = "OMB M-21-31; PCI DSS 4.0.1, 10.5.1";
        /// The log itself, but for what was pruned and held, which is kept for good.
        audit: Duration = days(2_557), floor = days(365), ceiling = MOST, source = "OMB M-21-31; PCI DSS 4.0.1, 10.5.1";
        /// Everything else.
        other: Duration = days(2_557), floor = days(365), ceiling = MOST, source = "OMB M-21-31; PCI DSS 4.0.1, 10.5.1";
    }
}

const fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

/// A hundred years.
const MOST: Duration = days(36_525);

impl Retention {
    /// The period of each class by its name.
    pub(crate) const fn periods(&self) -> [(&'static str, Duration); 8] {
        [
            ("reads", self.reads),
            ("authentication", self.authentication),
            ("cryptography", self.cryptography),
            ("accounts", self.accounts),
            ("keys", self.keys),
            ("administration", self.administration),
            ("audit", self.audit),
            ("other", self.other),
        ]
    }
}

#[cfg(test)]
mod tests {
    use vutf_audit::retention::{CLASSES, EventClass, Kept};

    use crate::config::{Sources, load};

    #[test]
    fn every_class_has_its_setting_with_the_default_and_the_floor_of_the_class() {
        let loaded = load(&Sources::default()).unwrap();
        let settings = loaded.config.audit.retention;
        assert!(!settings.enabled);
        let periods = settings.periods();
        for (name, period) in periods {
            let class = EventClass::named(name).unwrap();
            assert!(
                matches!(class.kept, Kept::For { default, .. } if default == period),
                "{name}"
            );
        }
        let with_period = CLASSES.iter().filter(|class| class.kept != Kept::ForGood);
        assert_eq!(with_period.count(), periods.len());
    }

    #[test]
    fn a_day_below_the_floor_of_a_class_is_refused() {
        for class in CLASSES {
            let Kept::For { floor, .. } = class.kept else {
                continue;
            };
            let name = format!("VUTF__AUDIT__RETENTION__{}", class.name.to_uppercase());
            let with = |days: u64| Sources {
                env: [(name.clone().into(), format!("{days}d").into())].into(),
                ..Sources::default()
            };
            let days = floor.as_secs() / 86_400;
            assert!(load(&with(days)).is_ok(), "{name}");
            assert!(load(&with(days - 1)).is_err(), "{name}");
        }
    }
}
