//! Checks: code that looks whether a control holds, now, in this instance.

use async_trait::async_trait;
use vutf_kernel::{Clock, PortError, Timestamp};

use crate::ControlId;

/// What a check saw. OSCAL knows these two states and no third: what could not be seen is an error, never a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The control held when it was looked at.
    Satisfied,
    /// It did not.
    NotSatisfied,
}

impl Verdict {
    /// The word of OSCAL assessment results: `satisfied`, `not-satisfied`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Satisfied => "satisfied",
            Self::NotSatisfied => "not-satisfied",
        }
    }
}

/// Evidence: what was seen, when, and which tests stand behind the way of looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The control.
    pub control: ControlId,
    /// What was seen.
    pub outcome: Verdict,
    /// Name and value of each thing that the verdict rests on. No PII, no secret.
    pub facts: Vec<(String, String)>,
    /// When.
    pub observed_at: Timestamp,
    /// The tests that show that the check can fail, as `package::path::name`.
    pub tests: &'static [&'static str],
}

/// A live check of one control.
#[async_trait]
pub trait Check: Send + Sync {
    /// A stable word, unique in the registry, e.g. `au-9-append-only`.
    fn id(&self) -> &'static str;
    /// The control.
    fn control(&self) -> ControlId;
    /// What is checked, in one sentence.
    fn title(&self) -> &'static str;
    /// Looks. An error means that nothing could be seen.
    async fn probe(&self, clock: &dyn Clock) -> Result<Observation, PortError>;
}

/// Two checks claim one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a check with the id `{0}` is registered already")]
pub struct DuplicateCheck(pub &'static str);

/// One check and what came of it.
#[derive(Debug)]
pub struct CheckRun {
    /// The check.
    pub check_id: &'static str,
    /// Its control.
    pub control: ControlId,
    /// What it saw, or why it could not look.
    pub result: Result<Observation, PortError>,
}

/// The checks of an instance, in the order of their controls.
#[derive(Default)]
pub struct CheckRegistry {
    checks: Vec<Box<dyn Check>>,
}

impl CheckRegistry {
    /// Adds a check.
    pub fn register(&mut self, check: Box<dyn Check>) -> Result<(), DuplicateCheck> {
        if self.find(check.id()).is_some() {
            return Err(DuplicateCheck(check.id()));
        }
        let place = (check.control(), check.id());
        let at = self
            .checks
            .partition_point(|other| (other.control(), other.id()) < place);
        self.checks.insert(at, check);
        Ok(())
    }
    /// A check by its id.
    pub fn find(&self, id: &str) -> Option<&dyn Check> {
        self.iter().find(|check| check.id() == id)
    }
    /// All checks.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Check> {
        self.checks.iter().map(|check| &**check)
    }
    /// Runs every check, one after the other. One that fails does not keep the others from being run.
    pub async fn run(&self, clock: &dyn Clock) -> Vec<CheckRun> {
        let mut runs = Vec::with_capacity(self.checks.len());
        for check in self.iter() {
            runs.push(CheckRun {
                check_id: check.id(),
                control: check.control(),
                result: check.probe(clock).await,
            });
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use vutf_kernel::{Fault, SystemClock};

    use super::*;

    struct Fixed(&'static str, &'static str);

    #[async_trait]
    impl Check for Fixed {
        fn id(&self) -> &'static str {
            self.0
        }
        fn control(&self) -> ControlId {
            ControlId::parse(self.1).unwrap()
        }
        fn title(&self) -> &'static str {
            "Always the same."
        }
        async fn probe(&self, clock: &dyn Clock) -> Result<Observation, PortError> {
            if self.0 == "blind" {
                return Err(PortError::new("probe", Fault::Unreachable, "down"));
            }
            Ok(Observation {
                control: self.control(),
                outcome: Verdict::Satisfied,
                facts: Vec::new(),
                observed_at: clock.now(),
                tests: &[],
            })
        }
    }

    #[tokio::test]
    async fn every_check_is_run_in_the_order_of_controls_though_one_cannot_look() {
        let mut registry = CheckRegistry::default();
        for (id, control) in [("late", "SC-5"), ("blind", "AC-7"), ("early", "AC-2(1)")] {
            registry.register(Box::new(Fixed(id, control))).unwrap();
        }
        let runs = registry.run(&SystemClock).await;
        let seen: Vec<_> = runs
            .iter()
            .map(|run| (run.check_id, run.result.is_ok()))
            .collect();
        assert_eq!(seen, [("early", true), ("blind", false), ("late", true)]);
    }

    #[test]
    fn an_id_is_registered_once() {
        let mut registry = CheckRegistry::default();
        registry.register(Box::new(Fixed("one", "AC-7"))).unwrap();
        let again = registry.register(Box::new(Fixed("one", "SC-5")));
        assert_eq!(again, Err(DuplicateCheck("one")));
        assert_eq!(registry.iter().count(), 1);
        assert!(registry.find("one").is_some() && registry.find("two").is_none());
    }
}
