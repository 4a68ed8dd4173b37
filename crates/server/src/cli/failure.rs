//! How a command ends when it does not end well.

use std::{error::Error as StdError, io, process::ExitCode};

use serde_json::{Value, json};
use vutf_kernel::PortError;

use super::output;
use crate::{config::ConfigErrors, service::StartError, telemetry::TelemetryError};

/// Exit code: the command was understood and failed.
pub(super) const FAILED: u8 = 1;
/// Exit code: wrong usage or configuration.
pub(super) const USAGE: u8 = 2;

pub(super) type Outcome = Result<(), Failure>;

/// Why a command ends with another exit code than 0.
#[derive(Debug)]
pub(super) enum Failure {
    /// The configuration's mistakes, all of them.
    Config(ConfigErrors),
    /// The call itself is wrong, in a way that only the command can know.
    Usage(String),
    /// One line for the operator.
    Failed(String),
    /// The answer has said everything already.
    Told(u8),
    /// Whoever read the answer has gone away, which is theirs to decide.
    ReaderLeft,
}

impl Failure {
    /// `what` and, for the log, the chain of causes.
    pub(super) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            tracing::debug!(cause = %error, "because");
            cause = error.source();
        }
        Self::Failed(error.to_string())
    }

    /// Prints it on standard error, and gives the exit code.
    pub(super) fn report(self, json: bool) -> ExitCode {
        let (text, value, code): (String, Value, u8) = match self {
            Self::Config(errors) => {
                let value = json!({"error": "the configuration is wrong", "mistakes": errors});
                (errors.to_string(), value, USAGE)
            }
            Self::Usage(text) => (format!("error: {text}"), json!({"error": text}), USAGE),
            Self::Failed(text) => (format!("error: {text}"), json!({"error": text}), FAILED),
            Self::Told(code) => return ExitCode::from(code),
            Self::ReaderLeft => return ExitCode::SUCCESS,
        };
        output::complain(&if json { value.to_string() } else { text });
        ExitCode::from(code)
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Config(errors)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::of(&error)
    }
}

impl From<TelemetryError> for Failure {
    fn from(error: TelemetryError) -> Self {
        Self::of(&error)
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::Failed(error.chain())
    }
}

/// From writing the answer.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderLeft
        } else {
            Self::Failed(format!("the answer cannot be written: {error}"))
        }
    }
}
