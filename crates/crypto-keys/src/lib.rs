#![doc = include_str!("../README.md")]

pub mod action;
pub mod approval;
mod associated;
mod authority;
pub mod cache;
pub mod destruction;
pub mod due;
pub mod envelope;
pub mod error;
pub mod field;
mod hazmat;
mod id_map;
pub mod index;
pub mod inventory;
pub mod job;
pub mod journal;
pub mod kek_set;
pub mod keyring;
pub mod keyset;
pub mod lifecycle;
mod load;
#[cfg(feature = "memory")]
pub mod memory;
pub mod outage;
pub mod ports;
pub mod purpose;
pub mod record;
pub mod rewrap;
mod schedule;
pub mod self_test;
pub mod service;
pub mod signing;
mod snapshot;
pub mod state;
pub mod subject;
pub mod succession;
pub mod suite;
mod tenant;
pub mod transition;
pub mod truncation;
pub mod usage;
pub mod usage_record;
pub mod uses;
pub mod wrapping;
pub mod wraps;

pub use approval::{Approval, ApprovalError, ApprovalState, DecisionError, Person};
pub use cache::{CacheCounters, CacheLimits};
pub use destruction::{DestructionError, Live, Persons};
pub use error::{CryptoError, LoadError, UnknownText};
pub use field::FieldRef;
pub use index::{BlindIndex, TruncatedIndex};
pub use journal::{JournalKey, JournalTag};
pub use kek_set::{KekHealth, KekRole, KekSet, KekSetError, Keks};
pub use keyring::Keyring;
pub use keyset::{Keyset, KeysetPolicy, commit_keyset, plan_keyset};
pub use lifecycle::{
    Rotation, commit_new, commit_rotation, plan_missing, plan_missing_under, plan_rotation,
    plan_rotation_under,
};
pub use load::{LoadReport, Registry};
pub use outage::{OutageLimits, Posture};
pub use ports::{KeyReader, KeyRepo, KeyWrapper, KeysTx, LifecycleReader, LifecycleRepo, LiveCiphertext};
pub use purpose::{Algorithm, Purpose, ServiceUse};
pub use record::{KeyRecord, WrappedBy};
pub use rewrap::{DataKeyPlan, DataKeysRewrapped, Rewrap};
pub use service::{Context, ServiceKey, Versioned};
pub use signing::{Signature, VerifyingKey};
pub use state::{Decision, KeyState, Operation, decide};
pub use subject::{SubjectKey, SubjectKeys};
pub use suite::{Suite, SuitePolicy};
pub use transition::{Change, Reason, ReasonCode, Transition, commit_transition, plan_transition};
pub use usage::{Usage, UsageDelta};
pub use usage_record::{UsageRecord, commit_usage, plan_usage};
pub use uses::Uses;
pub use wrapping::WrappingKey;
pub use wraps::{Wrap, Wraps};
