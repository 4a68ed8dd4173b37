//! Rules that NIST SP 800-63B-4 §3.1.1.2 tells verifiers not to have, for whoever is bound by an older rule book: kinds of characters,
//! passwords of before, an age. All are off unless they are asked for.

use std::time::Duration;

use vutf_kernel::Secret;

use super::PasswordError;

/// There are so many kinds of characters: lower case, upper case, digits, and others.
pub const MOST_CLASSES: u8 = 4;
/// No more passwords are remembered, the present one counted in. PCI DSS 4.0.1, 8.3.7 asks for 4; each costs a hash at every change.
pub const MOST_HISTORY: u8 = 24;
/// No password is due sooner after it was set.
pub const SHORTEST_AGE: Duration = Duration::from_hours(24);

/// Which of the rules hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegacyPolicy {
    composition: u8,
    history: u8,
    max_age: Option<Duration>,
}

/// A rule is beyond its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegacyPolicyError {
    /// There are four kinds of characters.
    #[error("there are 4 kinds of characters")]
    Composition,
    /// Each costs a hash at every change.
    #[error("at most 24 passwords are remembered")]
    History,
    /// Whoever has to change it daily writes it down.
    #[error("no password is due sooner than a day after it was set")]
    MaxAge,
}

impl LegacyPolicy {
    /// At least `composition` kinds of characters; none of the last `history` passwords, the present one counted in; another one
    /// after `max_age`. Zero and `None` are off.
    pub fn new(composition: u8, history: u8, max_age: Option<Duration>) -> Result<Self, LegacyPolicyError> {
        if composition > MOST_CLASSES {
            return Err(LegacyPolicyError::Composition);
        }
        if history > MOST_HISTORY {
            return Err(LegacyPolicyError::History);
        }
        if max_age.is_some_and(|age| age < SHORTEST_AGE) {
            return Err(LegacyPolicyError::MaxAge);
        }
        Ok(Self {
            composition,
            history,
            max_age,
        })
    }
    /// The rules that hold, each of which departs from SP 800-63B-4.
    pub fn departures(&self) -> Vec<&'static str> {
        let rules = [
            ("composition", self.composition > 0),
            ("history", self.history > 0),
            ("max_age", self.max_age.is_some()),
        ];
        let held = rules.into_iter().filter(|(_, holds)| *holds);
        held.map(|(name, _)| name).collect()
    }
    /// Fewest kinds of characters.
    pub fn composition(&self) -> u8 {
        self.composition
    }
    /// So many of the last passwords must not be chosen again, the present one counted in.
    pub fn history(&self) -> u8 {
        self.history
    }
    /// After so long another one is to be chosen.
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }
    /// How many of those before the present one are looked at, and so are kept.
    pub(crate) fn former(&self) -> u32 {
        u32::from(self.history.saturating_sub(1))
    }

    /// Of the NFC form.
    pub(crate) fn check(&self, password: &Secret<String>) -> Result<(), PasswordError> {
        if classes(password.expose()) >= self.composition {
            return Ok(());
        }
        let detail = format!(
            "use at least {} of: lower case letters, upper case letters, digits, other characters",
            self.composition
        );
        Err(PasswordError::new("password_composition", detail))
    }
}

/// How many kinds of characters there are in it. A letter of a script without cases is another character.
pub(crate) fn classes(text: &str) -> u8 {
    let lower = text.chars().any(char::is_lowercase);
    let upper = text.chars().any(char::is_uppercase);
    let digit = text.chars().any(char::is_numeric);
    let other = text
        .chars()
        .any(|c| !c.is_lowercase() && !c.is_uppercase() && !c.is_numeric());
    [lower, upper, digit, other].map(u8::from).iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::{PasswordContext, PasswordPolicy};
    use proptest::prelude::*;

    #[test]
    fn kinds_of_characters_are_counted() {
        for (text, expected) in [
            ("", 0),
            ("only lower", 2),
            ("lower", 1),
            ("Lower", 2),
            ("Lower1", 3),
            ("Lower1!", 4),
            ("\u{437}\u{418}", 2),
            ("\u{6f22}\u{5b57}", 1),
            ("\u{663}", 1),
        ] {
            assert_eq!(classes(text), expected, "{text}");
        }
    }

    #[test]
    fn bounds_hold_and_only_what_is_asked_for_departs() {
        assert_eq!(LegacyPolicy::default().departures(), [""; 0]);
        assert_eq!(LegacyPolicy::new(0, 0, None), Ok(LegacyPolicy::default()));
        let day = Some(SHORTEST_AGE);
        assert_eq!(
            LegacyPolicy::new(4, 24, day).unwrap().departures(),
            ["composition", "history", "max_age"]
        );
        assert_eq!(LegacyPolicy::new(0, 1, None).unwrap().departures(), ["history"]);
        assert_eq!(LegacyPolicy::new(5, 0, None), Err(LegacyPolicyError::Composition));
        assert_eq!(LegacyPolicy::new(0, 25, None), Err(LegacyPolicyError::History));
        let short = Some(Duration::from_hours(23));
        assert_eq!(LegacyPolicy::new(0, 0, short), Err(LegacyPolicyError::MaxAge));
    }

    proptest! {
        #[test]
        fn what_is_accepted_has_the_kinds_that_are_asked_for(password in "\\PC{0,40}", kinds in 0_u8..=4) {
            let legacy = LegacyPolicy::new(kinds, 0, None).unwrap();
            let policy = PasswordPolicy::default().with_legacy(legacy);
            let password = Secret::new(password);
            if policy.check(&password, PasswordContext::default()).is_ok() {
                let stored = crate::password::policy::normalized(&password);
                prop_assert!(classes(stored.expose()) >= kinds);
            }
        }
        #[test]
        fn counting_never_panics(password in any::<String>()) {
            prop_assert!(classes(&password) <= MOST_CLASSES);
        }
    }
}
