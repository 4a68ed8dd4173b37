//! AU-9: the database itself refuses to change or delete audit records.

use std::sync::Arc;

use async_trait::async_trait;
use vutf_kernel::{Clock, PortError};

use crate::{Check, ControlId, Observation, Verdict};

/// What the database did when it was asked to change an audit record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// It refused; `message` is its own words.
    Refused {
        /// The database's message.
        message: String,
    },
    /// It would have done it.
    Accepted {
        /// How many rows would have been touched.
        rows: u64,
    },
}

/// Tries what must not be possible, against the real tables and with the service's own credentials.
///
/// Each attempt is a transaction that is rolled back whatever happens. It first adds a record of its own: a trigger on
/// rows does not fire where there are none, and an empty table would look protected.
#[async_trait]
pub trait AppendOnlyProbe: Send + Sync {
    /// Tries to update an audit record.
    async fn try_update(&self) -> Result<ProbeOutcome, PortError>;
    /// Tries to delete one.
    async fn try_delete(&self) -> Result<ProbeOutcome, PortError>;
}

/// The check over an [`AppendOnlyProbe`].
pub struct AppendOnlyCheck {
    probe: Arc<dyn AppendOnlyProbe>,
}

impl AppendOnlyCheck {
    /// Over the store's probe.
    pub fn new(probe: Arc<dyn AppendOnlyProbe>) -> Self {
        Self { probe }
    }
}

/// The tests that show that this check can fail. A test of this file holds the list against the functions.
const TESTS: &[&str] = &[
    "vutf-compliance::append_only::tests::refusals_are_evidence_in_the_database_s_own_words",
    "vutf-compliance::append_only::tests::one_accepted_attempt_is_enough_to_fail",
    "vutf-compliance::append_only::tests::a_probe_that_cannot_look_gives_no_verdict",
];

#[async_trait]
impl Check for AppendOnlyCheck {
    fn id(&self) -> &'static str {
        "au-9-append-only"
    }
    fn control(&self) -> ControlId {
        ControlId::AU_9
    }
    fn title(&self) -> &'static str {
        "The database refuses to update or delete audit records."
    }
    async fn probe(&self, clock: &dyn Clock) -> Result<Observation, PortError> {
        let attempts = [
            ("update", self.probe.try_update().await?),
            ("delete", self.probe.try_delete().await?),
        ];
        let refused = |outcome: &ProbeOutcome| matches!(outcome, ProbeOutcome::Refused { .. });
        let all_refused = attempts.iter().all(|(_, outcome)| refused(outcome));
        Ok(Observation {
            control: self.control(),
            outcome: if all_refused {
                Verdict::Satisfied
            } else {
                Verdict::NotSatisfied
            },
            facts: attempts
                .into_iter()
                .map(|(verb, outcome)| (verb.to_owned(), describe(&outcome)))
                .collect(),
            observed_at: clock.now(),
            tests: TESTS,
        })
    }
}

/// On one line: the value of an OSCAL property may not hold a line break.
fn describe(outcome: &ProbeOutcome) -> String {
    match outcome {
        ProbeOutcome::Refused { message } => {
            let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("refused: {line}")
        }
        ProbeOutcome::Accepted { rows } => format!("accepted: {rows} rows"),
    }
}

#[cfg(test)]
mod tests {
    use std::any::type_name_of_val;

    use vutf_kernel::{Fault, Timestamp};

    use super::*;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::from_secs(43_200)
        }
    }

    /// Answers an update and a delete; `None`: the database is away.
    struct Database(Option<ProbeOutcome>, Option<ProbeOutcome>);

    fn away() -> PortError {
        PortError::new("audit.probe", Fault::Unreachable, "connection refused")
    }

    #[async_trait]
    impl AppendOnlyProbe for Database {
        async fn try_update(&self) -> Result<ProbeOutcome, PortError> {
            self.0.clone().ok_or_else(away)
        }
        async fn try_delete(&self) -> Result<ProbeOutcome, PortError> {
            self.1.clone().ok_or_else(away)
        }
    }

    fn refused() -> ProbeOutcome {
        ProbeOutcome::Refused {
            message: "ERROR: audit_intake is append-only\n  CONTEXT: trigger".into(),
        }
    }

    fn accepted(rows: u64) -> ProbeOutcome {
        ProbeOutcome::Accepted { rows }
    }

    async fn observe(database: Database) -> Result<Observation, PortError> {
        AppendOnlyCheck::new(Arc::new(database)).probe(&Noon).await
    }

    #[tokio::test]
    async fn refusals_are_evidence_in_the_database_s_own_words() {
        let seen = observe(Database(Some(refused()), Some(refused()))).await.unwrap();
        assert_eq!(
            (seen.outcome, seen.control),
            (Verdict::Satisfied, ControlId::AU_9)
        );
        assert_eq!(seen.observed_at, Noon.now());
        let message = "refused: ERROR: audit_intake is append-only CONTEXT: trigger".to_owned();
        assert_eq!(
            seen.facts,
            [
                ("update".to_owned(), message.clone()),
                ("delete".to_owned(), message)
            ]
        );
    }

    #[tokio::test]
    async fn one_accepted_attempt_is_enough_to_fail() {
        for database in [
            Database(Some(accepted(1)), Some(refused())),
            Database(Some(refused()), Some(accepted(1))),
            Database(Some(accepted(1)), Some(accepted(1))),
            // No row was touched and nothing refused: that is no protection either.
            Database(Some(refused()), Some(accepted(0))),
        ] {
            assert_eq!(observe(database).await.unwrap().outcome, Verdict::NotSatisfied);
        }
    }

    #[tokio::test]
    async fn a_probe_that_cannot_look_gives_no_verdict() {
        for database in [Database(None, Some(refused())), Database(Some(refused()), None)] {
            assert_eq!(observe(database).await.unwrap_err().fault, Fault::Unreachable);
        }
    }

    #[test]
    fn the_named_tests_exist() {
        // The compiler finds the functions; their paths must be the ones in the evidence.
        let tests = [
            type_name_of_val(&refusals_are_evidence_in_the_database_s_own_words),
            type_name_of_val(&one_accepted_attempt_is_enough_to_fail),
            type_name_of_val(&a_probe_that_cannot_look_gives_no_verdict),
        ];
        let named: Vec<_> = TESTS.iter().map(|test| test.replace('-', "_")).collect();
        assert_eq!(named, tests);
    }
}
