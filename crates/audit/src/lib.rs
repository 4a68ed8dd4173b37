#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod access;
pub mod advance;
pub mod analysis;
pub mod anchor;
pub mod body;
pub mod bundle;
pub mod canonical;
pub mod chain;
pub mod export;
pub mod filter;
pub mod finding;
pub mod graph;
pub mod growth;
mod hex;
pub mod intake;
#[cfg(feature = "memory")]
pub mod memory;
pub mod merkle;
pub mod own;
pub mod part;
pub mod place;
pub mod prove;
pub mod read;
pub mod retention;
pub mod sequence;
pub mod timeline;
pub mod tlog;
pub mod tree;
pub mod verify;
mod verify_tree;

pub use access::{Access, AccessError};
pub use advance::{AdvanceHead, advance_signed};
pub use anchor::{Advance, Anchor, AnchorError, NotedHead, advance};
pub use body::{Body, BodyError, parse_body};
pub use chain::{Cursor, GENESIS, Leaf, Pending, Standing, Voucher, chain_after, leaf_hash, link};
pub use filter::{ActionMatch, ActorKind, Ending, EventFilter, FilterError, Order, Word, check_period};
pub use finding::{Finding, FindingKind, Misfit};
pub use intake::{AuditTx, Intake, StoredIntake, prepare};
#[cfg(feature = "memory")]
pub use memory::{MemoryLog, MemoryTx};
pub use part::{PartsError, SealedPart, decode_parts, encode_parts};
pub use place::{Edge, sequence_after};
pub use prove::{EventProof, ProveError, TreeConsistency, Under, Witnesses};
pub use read::{LogEntry, LogReader, PATIENCE, Protection, Record, Strays};
pub use sequence::{
    Batch, SEQUENCER_LEASE, SequenceError, SequencerStore, SequencerTx, Sequencing, sequence_batch,
};
pub use tree::{CheckpointSigner, SignedCheckpoint, TreeNode, TreeReader};
pub use verify::{Expected, Report, Verifier, verify, verify_against, verify_expecting};
