//! A witness: it cosigns the checkpoints of logs that it knows, each only if it continues the one that it cosigned before
//! ([C2SP tlog-witness](https://c2sp.org/tlog-witness)).
//!
//! Whoever demands the cosignatures of several witnesses cannot be shown another log than everybody else, as long as enough of
//! them are honest. All that a witness has to remember is one checkpoint a log; all that it must never do is to forget it.

mod judge;
#[cfg(feature = "memory")]
mod memory;
mod request;
mod store;

pub use judge::{KnownLogs, LogKeyError, Refusal, Submission};
#[cfg(feature = "memory")]
pub use memory::MemoryWitness;
pub use request::{AddCheckpoint, MAX_CONSISTENCY, MAX_REQUEST, RequestError};
pub use store::{Contradiction, Cosigned, CosignedError, Witness, WitnessError, WitnessStore};
