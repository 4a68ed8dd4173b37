//! Settings of passwords beside a second factor, and of rules that the standard gave up.

use std::time::Duration;

use vutf_identity::password::{LegacyPolicy, LegacyPolicyError};

use super::{Config, ConfigError, macros::settings};

const DAY: Duration = Duration::from_hours(24);

settings! {
    /// Passwords of whoever has a second factor.
    pub struct Passwords("identity.passwords.") {
        /// Fewest characters of a password that is changed or reset while its account has a second factor; at most
        /// `identity.min_password_length`. The last factor cannot be removed then, and where an administrator takes it away, a sign-in
        /// leads to a session that can do nothing but set a longer one.
        min_length_with_mfa: u16 = 8, floor = 8, ceiling = 64, source = "NIST SP 800-63B-4, 3.1.1.2";
    }
    nest {
        /// Rules that depart from the standard.
        legacy: LegacyPasswords,
    }
}

settings! {
    /// Rules for whoever is bound by an older rule book. Each departs from NIST SP 800-63B-4, 3.1.1.2, and the start warns of it.
    pub struct LegacyPasswords("identity.passwords.legacy.") {
        /// Fewest kinds of characters in a new password, of lower case, upper case, digits and others; 0 asks for none.
        composition: u16 = 0, ceiling = 4;
        /// So many of the last passwords are refused, the present one counted in; 0 refuses the present one alone, where it is proved
        /// by a change. Where it is used, 4 is usual (PCI DSS 4.0.1, 8.3.7). Each costs a hash at every change.
        history: u16 = 0, ceiling = 24;
        /// A sign-in with an older password leads to a session that can do nothing but change it; no age when unset.
        max_age: Option<Duration> = None, floor = Some(DAY);
    }
}

impl LegacyPasswords {
    /// As the domain has them.
    pub fn policy(&self) -> Result<LegacyPolicy, LegacyPolicyError> {
        // What does not fit is beyond the bounds, which say so.
        let small = |number: u16| u8::try_from(number).unwrap_or(u8::MAX);
        LegacyPolicy::new(small(self.composition), small(self.history), self.max_age)
    }
}

/// Adds what is wrong, and warns of what departs from the standard.
pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>, warnings: &mut Vec<String>) {
    let identity = &config.identity;
    let words = &identity.password_words;
    if words.iter().any(|word| !(4..=64).contains(&word.chars().count())) {
        errors.push(ConfigError::new(
            "identity.password_words",
            "names a word that is shorter than 4 characters, or longer than 64",
            "leave it out: what is so short occurs in good passwords",
        ));
    }
    if identity.passwords.min_length_with_mfa > identity.min_password_length {
        errors.push(ConfigError::new(
            "identity.passwords.min_length_with_mfa",
            "asks for more than a password without a second factor has to have",
            "make it at most `identity.min_password_length`",
        ));
    }
    // What is beyond its bounds was reported when it was read.
    let departures = identity
        .passwords
        .legacy
        .policy()
        .unwrap_or_default()
        .departures();
    if !departures.is_empty() {
        warnings.push(format!(
            "identity.passwords.legacy departs from SP 800-63B-4: {}",
            departures.join(", ")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::from_env;

    #[test]
    fn what_departs_from_the_standard_is_named() {
        for (variables, expected) in [
            (&[][..], None),
            (
                &[("VUTF__IDENTITY__PASSWORDS__LEGACY__HISTORY", "4")][..],
                Some("identity.passwords.legacy departs from SP 800-63B-4: history"),
            ),
            (
                &[
                    ("VUTF__IDENTITY__PASSWORDS__LEGACY__COMPOSITION", "3"),
                    ("VUTF__IDENTITY__PASSWORDS__LEGACY__MAX_AGE", "90d"),
                ],
                Some("identity.passwords.legacy departs from SP 800-63B-4: composition, max_age"),
            ),
        ] {
            let warnings = from_env(variables).unwrap().warnings;
            assert_eq!(warnings.first().map(String::as_str), expected);
        }
    }

    #[test]
    fn bounds_hold() {
        for (name, value) in [
            ("MIN_LENGTH_WITH_MFA", "7"),
            ("MIN_LENGTH_WITH_MFA", "16"),
            ("LEGACY__COMPOSITION", "5"),
            ("LEGACY__HISTORY", "25"),
            ("LEGACY__MAX_AGE", "23h"),
        ] {
            let variable = format!("VUTF__IDENTITY__PASSWORDS__{name}");
            let errors = from_env(&[(&variable, value)]).unwrap_err();
            assert_eq!(errors.0.len(), 1, "{name} {value}");
        }
    }
}
