//! Analysis: rules over the stream of sequenced events, and what they found.
//!
//! - [`rule`]: rules are data, one TOML file each, with bounds and with their own cases.
//! - [`engine`]: a pure function of the log. Events are taken in the order of their sequence numbers, and time is the events'
//!   own, so that evaluating again finds the same, under the same ids.
//! - [`evaluate`], [`findings`], [`rules`]: the use cases, over the ports in [`ports`].
//! - [`ocsf`]: a finding as an OCSF Detection Finding. [`alert`]: how somebody is told.
//!
//! Invariants:
//! - State is bounded: so many keys a rule, the least recently used goes first and is counted, so many marks a key.
//! - What is evaluated is decided by events in the log and by nothing else. Enabling, tuning and silencing are such events: who
//!   changes the row of a rule's settings changes what is shown, not what is found.
//! - What the analysis writes itself is not evaluated: no finding leads to another.
//! - A silenced rule still finds; only nobody is told.
//! - Addresses and user agents come in as keyed hashes. What cannot be opened any more is absent, and the rule abstains.

pub mod action;
pub mod alert;
mod bounded;
pub mod case;
mod detection;
mod detector;
pub mod engine;
pub mod evaluate;
pub mod findings;
mod key;
#[cfg(feature = "memory")]
pub mod memory;
mod observation;
pub mod ocsf;
pub mod ports;
pub mod rule;
pub mod rules;
mod settings;
mod status;

pub use detection::{Detection, MOST_SEQS};
pub use engine::{Engine, Limits, SnapshotError, Vitals};
pub use evaluate::{ANALYSIS_LEASE, Evaluation};
pub use findings::AnalysisError;
pub use key::{Field, Key, KeyKind};
#[cfg(feature = "memory")]
pub use memory::{MemoryAnalysis, MemoryAnalysisTx};
pub use observation::{Observation, OriginTag, network_of};
pub use ports::{
    Alerting, Analysis, AnalysisReader, AnalysisRepo, AnalysisTx, AnalysisUnit, FindingFilter, OriginReader,
    Progress,
};
pub use rule::{Rule, RuleError, RuleSet, Severity, Technique};
pub use settings::{RuleSettings, Silence};
pub use status::{Finding, Resolution, Status, StatusChange};
