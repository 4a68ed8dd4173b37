//! Retention: which events may go, what keeps them, and the evidence that nothing else went.
//!
//! Pruning removes bodies, sealed parts, search columns and references to persons. Leaf hashes, the chain, the nodes of the tree
//! and the checkpoints stay for ever, so every proof that was given stays valid.

pub mod access;
mod class;
mod evidence;
mod hold;
mod judge;
#[cfg(test)]
mod judge_tests;
mod ledger;
#[cfg(test)]
mod ledger_tests;
#[cfg(feature = "memory")]
pub(crate) mod memory;
mod policy;
pub mod ports;
mod run;
mod seqs;

pub use access::{ClassStatus, Retention, RetentionError, RetentionSettings, action};
pub use class::{CLASSES, EventClass, FLOOR, Kept};
pub use evidence::{PRUNE, Removal, Removed};
pub use hold::{Doer, Hold, HoldReason, HoldScope};
pub use judge::{Facts, Judge, Verdict};
pub use ledger::PruneLedger;
pub use policy::{Policy, TooShort};
pub use ports::{Candidate, Census, PruneRun, RetentionStore, RetentionTx, RunEnd};
pub use run::{BATCH, ClassCount, LEASE, PlanReport, Stopped, plan, prune};
pub use seqs::{Seqs, SeqsError};
