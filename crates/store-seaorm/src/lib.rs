#![doc = include_str!("../README.md")]

mod analysis;
mod audit;
pub mod classification;
mod clock;
mod connect;
mod connection;
mod encrypted;
mod entity;
mod erasure;
mod error;
mod identity;
mod jobs;
mod keys;
mod leases;
mod migrate;
mod personal;
mod purposes;
mod retry;
mod row;
mod row_mac;
mod sealed;
mod sealed_columns;
mod subjects;
mod take_back;
mod tx;

pub use audit::{
    AuditLag, Backlog, GroupCommit, GroupOptions, GroupRecorder, Looks, PrivatePart, RelaxedRecorder,
    SeaAppendOnlyProbe,
};
pub use connect::{ConnectError, SeaStore, StoreOptions, Technology};
pub use migrate::{MigrationLine, SchemaError};
pub use purposes::key_purposes;
pub use take_back::DownError;
