//! Rules together: those that come with the crate, and an embedder's own.

use super::{Rule, RuleError, file};
use crate::analysis::Limits;

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        /// The files that come with the crate: name and text.
        pub const BUILT_IN: &[(&str, &str)] =
            &[$((concat!($name, ".toml"), include_str!(concat!("../../../rules/", $name, ".toml")))),+];
    };
}

built_in![
    "audit-silence",
    "break-glass",
    "decrypt-rate-spike",
    "first-seen-device",
    "grant-then-export",
    "guessing-burst",
    "impossible-travel",
    "mass-read",
    "off-hours-administration",
    "password-spraying",
    "sequence-lag",
];

/// Rules, each id once, sorted by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    rules: Vec<Rule>,
}

impl RuleSet {
    /// Those that come with the crate.
    ///
    /// # Errors
    /// Never: a test reads the same files.
    pub fn built_in() -> Result<Self, RuleError> {
        Self::parse(BUILT_IN.iter().copied())
    }

    /// Reads files of rules, given as name and text, e.g. those of a directory. The cases are not tried: see [`Self::check`].
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, RuleError> {
        let mut set = Self::default();
        for (name, text) in files {
            let rule = file::parse(name, text, Limits::default().marks)?;
            set.add(name, rule)?;
        }
        Ok(set)
    }

    /// One alone.
    pub(crate) fn of(rule: Rule) -> Self {
        Self { rules: vec![rule] }
    }

    /// These and those of `other`.
    ///
    /// # Errors
    /// [`RuleError::Twice`].
    pub fn and(mut self, other: Self) -> Result<Self, RuleError> {
        for rule in other.rules {
            let name = format!("{}.toml", rule.id);
            self.add(&name, rule)?;
        }
        Ok(self)
    }

    /// Tries every case of every rule.
    ///
    /// # Errors
    /// The first that comes out otherwise.
    pub fn check(&self) -> Result<(), RuleError> {
        self.rules
            .iter()
            .try_for_each(|rule| rule.cases.iter().try_for_each(|case| case.run(rule)))
    }

    /// The rule of this id.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    fn add(&mut self, file: &str, rule: Rule) -> Result<(), RuleError> {
        match self.rules.binary_search_by(|known| known.id.cmp(&rule.id)) {
            Ok(_) => Err(RuleError::Twice {
                file: file.to_owned(),
                id: rule.id,
            }),
            Err(place) => {
                self.rules.insert(place, rule);
                Ok(())
            }
        }
    }
}
