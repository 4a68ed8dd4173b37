//! What leaves the log: each entry as a record of a format that other systems read.
//!
//! Invariants:
//! - **Numbers are dense and the chain is in every record.** Sequence number, previous chain hash and leaf hash stand in each
//!   record of each format, so that the receiver can show by itself that nothing is missing. An entry whose body is no longer
//!   stored leaves as a tombstone.
//! - **Only what follows is exported.** [`follow`] holds each entry against what was exported before it; the first that does
//!   not fit ends the export before it.
//! - **Every action has a class.** [`kind_of`] is total: what no table knows is API Activity.
//! - **No personal data leaves.** Private parts are sealed, and a record holds their names at most: what an outside system
//!   keeps, nobody can erase by destroying a key.
//! - A record is a function of the entry and of where it comes from; the same entry gives the same bytes again.

mod cef;
mod ecs;
mod follow;
mod format;
mod kind;
mod kinds;
mod ocsf;
mod otlp;
mod position;
mod range;
mod syslog;

pub use follow::{Exported, Source, batch, check_end, follow};
pub use format::{Format, FormatError, jsonl};
pub use kind::{Activity, Class, Kind, Severity, kind_of};
pub use kinds::is_listed;
pub use otlp::request as otlp_request;
pub use position::{ExportStore, ExportTx, Position, SinkError, moved, refused, reset};
pub use range::{ExportError, PERMISSION, Range, Taken, export};
pub use syslog::{FrameError, frame, unframe};

pub(crate) use crate::hex::hex;
