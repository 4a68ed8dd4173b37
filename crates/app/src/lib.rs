#![doc = include_str!("../README.md")]

pub mod approvals;
mod checkpoint;
pub mod crypto;
pub mod erasure;
pub mod export;
pub mod jobs;
pub mod kek;
pub mod kek_age;
pub mod key_policy;
mod key_watch;
pub mod keys;
mod ledger;
mod names;
mod signer;
pub mod statement;
mod unit;

pub use checkpoint::{KeyringCheckpointSigner, default_origin};
pub use names::KeyringHash;
pub use signer::KeyringSigner;
pub use unit::{KeyReloader, UnitOfWork};
