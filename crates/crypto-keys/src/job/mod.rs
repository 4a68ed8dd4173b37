//! Durable jobs: what older versions of a key protect is protected anew, batch by batch, by whichever replica holds the lease.
//!
//! - A batch is one transaction: the rows, the cursor, and the audit event about them. Whatever dies, dies between two.
//! - A row is written only where it still holds what was read, so that a job never undoes what somebody else writes. The new
//!   ciphertext has the associated data of the old: it stands in the same place.
//! - Readers accept every version all the time; writers write the newest.
//! - A job is done when a whole pass has found nothing ([`Job::judged`]).

mod event;
mod kind;
mod lineage;
#[cfg(feature = "memory")]
mod memory;
mod ports;
mod record;
mod work;

pub use kind::{JobKind, JobState};
pub use lineage::Lineage;
#[cfg(feature = "memory")]
pub use memory::{MemoryJobs, MemoryJobsTx, MemoryRow};
pub use ports::{
    Chunk, IndexChange, IndexedRow, JobReader, JobRepo, JobsTx, Protection, RowChange, SealedColumn,
    SealedRow, SealedRows, SealedTable, Wanted,
};
pub use record::{Counts, Cursor, Job, Moved, Pass, Verdict, WrongState};
pub use work::{Plan, indexed, protected, reindex, reseal};

/// Rows in a batch, at most: its transaction is open for a fraction of a second.
pub const BATCH: u32 = 500;
