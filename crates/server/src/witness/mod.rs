//! `violentutf-api witness`: a witness of transparency logs, ours or others', with a store and a key of its own. It shares the
//! binary with the service and nothing else: no database, no Redis, no key registry.
//!
//! Invariants:
//! - what is cosigned is on the disk before it is answered;
//! - one process works in a directory at a time;
//! - a file that does not verify under the witness's own key is an error, never "nothing cosigned yet".

mod directory;
mod files;
mod listener;

pub(crate) use directory::{DirectoryError, Known, WitnessDirectory};
pub(crate) use files::FileWitness;
pub(crate) use listener::{Bounds, Site, serve};
