//! Which kind of event is kept for how long: classes as data. Every action falls into exactly one.

use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// 90 days: what must be at hand at once. PCI DSS 4.0.1, 10.5.1 ("at least the most recent three months immediately available").
/// The database keeps to it by itself, whatever a policy says.
pub const FLOOR: Duration = DAY.saturating_mul(90);
/// A year: PCI DSS 4.0.1, 10.5.1 ("at least 12 months"); OMB M-21-31, appendix C (12 months active).
const YEAR: Duration = DAY.saturating_mul(365);
/// 400 days: a year, and a month to notice that something happened a year ago.
const A_YEAR_AND_A_MONTH: Duration = DAY.saturating_mul(400);
/// 7 years with two leap days, beyond the 12 + 18 months of OMB M-21-31; the usual period of financial records (SOX, 18 U.S.C.
/// 1520).
const SEVEN_YEARS: Duration = DAY.saturating_mul(2_557);

/// How long events of a class are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// As long as the log is.
    ForGood,
    /// For a period of the operator's choice.
    For {
        /// No policy may fall below.
        floor: Duration,
        /// Unless somebody chooses.
        default: Duration,
    },
}

/// A class of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventClass {
    /// A stable word.
    pub name: &'static str,
    /// What falls into it.
    pub about: &'static str,
    /// Patterns of actions: `resource.verb`, `resource.*` or `*.verb`; empty in the class that takes the rest.
    pub actions: &'static [&'static str],
    /// How long it is kept.
    pub kept: Kept,
}

const fn changes(name: &'static str, about: &'static str, actions: &'static [&'static str]) -> EventClass {
    EventClass {
        name,
        about,
        actions,
        kept: Kept::For {
            floor: YEAR,
            default: SEVEN_YEARS,
        },
    }
}

const fn looks(name: &'static str, about: &'static str, actions: &'static [&'static str]) -> EventClass {
    EventClass {
        name,
        about,
        actions,
        kept: Kept::For {
            floor: FLOOR,
            default: A_YEAR_AND_A_MONTH,
        },
    }
}

/// All classes. The first whose patterns fit an action is its class; the last takes what none of them fits.
pub const CLASSES: &[EventClass] = &[
    EventClass {
        name: "evidence",
        about: "What later answers lean on: the life of keys, erasures, holds, what was pruned, what detection looks for",
        // The life of keys is what `vutf-app` holds the registry against at every start; the rest proves why something is gone.
        actions: &[
            "key.create",
            "key.rotate",
            "key.activate",
            "key.suspend",
            "key.deactivate",
            "key.compromise",
            "key.destroy",
            "key.destroy_reject",
            "key.rewrap",
            "key.usage",
            "keyset.update",
            "kek.*",
            "subject.erase",
            "user.bootstrap",
            "audit.accept_head",
            "audit.prune",
            "audit.hold_place",
            "audit.hold_release",
            "audit.rule.enable",
            "audit.rule.disable",
            "audit.rule.update",
            "audit.rule.silence",
            "audit.rule.unsilence",
        ],
        kept: Kept::ForGood,
    },
    looks(
        "reads",
        "Somebody saw something",
        &[
            "*.list",
            "*.read",
            "*.find",
            "*.status",
            "*.inventory",
            "*.list_requests",
            "*.erasure_read",
            "*.public_keys",
            "*.timeline",
            "audit.own",
            "audit.graph",
            "audit.diff",
            "audit.tail",
            "audit.prove",
            "audit.checkpoint",
            "audit.consistency",
            "audit.tile",
            "audit.vkeys",
            "audit.retention",
            "audit.retention_plan",
            "audit.retention_runs",
            "audit.hold_list",
            "audit.sink_list",
            "health.*",
            "document.*",
            "token.keys",
            "password.assess",
        ],
    ),
    looks(
        "authentication",
        "Signing in and out, sessions, tokens",
        &["session.*", "token.*", "mfa.challenge"],
    ),
    looks("cryptography", "Programs use named keys", &["crypto.*"]),
    changes(
        "accounts",
        "Accounts and persons are changed",
        &[
            "user.*",
            "subject.*",
            "password.*",
            "mfa.*",
            "api_key.*",
            "email.*",
            "link.*",
            "mail.*",
            "invitation.*",
        ],
    ),
    changes(
        "keys",
        "Keys are handled",
        &["key.*", "key_job.*", "keyset.*", "subject_key.*"],
    ),
    changes(
        "administration",
        "Roles, permissions and the service itself",
        &["role.*", "permission.*", "identity.*"],
    ),
    changes(
        "audit",
        "The log itself: exports, runs of retention, checks",
        &["audit.*"],
    ),
    OTHER,
];

const OTHER: EventClass = changes("other", "Everything else", &[]);

impl EventClass {
    /// The class of an action.
    pub fn of(action: &str) -> &'static Self {
        let fits = |class: &&Self| class.actions.iter().any(|pattern| is_like(action, pattern));
        CLASSES.iter().find(fits).unwrap_or(&OTHER)
    }

    /// The class of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CLASSES.iter().find(|class| class.name == name)
    }
}

fn is_like(action: &str, pattern: &str) -> bool {
    if let Some(verb) = pattern.strip_prefix('*') {
        action.ends_with(verb)
    } else if let Some(resource) = pattern.strip_suffix('*') {
        action.starts_with(resource)
    } else {
        action == pattern
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_distinct_and_only_the_last_class_takes_the_rest() {
        let names: BTreeSet<_> = CLASSES.iter().map(|class| class.name).collect();
        assert_eq!(names.len(), CLASSES.len());
        let (last, others) = CLASSES.split_last().unwrap();
        assert!(last.actions.is_empty() && *last == OTHER);
        assert!(others.iter().all(|class| !class.actions.is_empty()));
    }

    #[test]
    fn no_default_lies_below_its_floor_and_no_floor_below_that_of_the_database() {
        for class in CLASSES {
            if let Kept::For { floor, default } = class.kept {
                assert!(FLOOR <= floor && floor <= default, "{}", class.name);
            }
        }
    }

    #[test]
    fn actions_fall_where_they_belong() {
        for (action, class) in [
            ("session.login", "authentication"),
            ("password.change", "accounts"),
            ("password.assess", "reads"),
            ("email.confirm", "accounts"),
            ("link.issue", "accounts"),
            ("invitation.list", "reads"),
            ("session.list", "reads"),
            ("audit.read", "reads"),
            ("audit.export", "audit"),
            ("audit.prune", "evidence"),
            ("key.rotate", "evidence"),
            ("key.due", "keys"),
            ("user.lock", "accounts"),
            ("mfa.challenge", "authentication"),
            ("mfa.read", "reads"),
            ("mfa.reset", "accounts"),
            ("api_key.rotate", "accounts"),
            ("api_key.list", "reads"),
            ("subject.erase", "evidence"),
            ("role.assign", "administration"),
            ("crypto.decrypt", "cryptography"),
            ("what.ever", "other"),
            ("", "other"),
        ] {
            assert_eq!(EventClass::of(action).name, class, "{action}");
        }
    }

    proptest! {
        #[test]
        fn every_action_has_a_class_that_is_found_again_by_its_name(action in "[a-z_]{0,8}\\.?[a-z_]{0,8}") {
            let class = EventClass::of(&action);
            prop_assert_eq!(EventClass::named(class.name), Some(class));
        }
    }
}
