#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod append_only;
pub mod check;
pub mod control;

pub use append_only::{AppendOnlyCheck, AppendOnlyProbe, ProbeOutcome};
pub use check::{Check, CheckRegistry, CheckRun, DuplicateCheck, Observation, Verdict};
pub use control::{ControlId, ControlIdError};
