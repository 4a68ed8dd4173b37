//! End-to-end: the real binary as a process, on SQLite and on PostgreSQL with Redis.
//!
//! Tests named `drill_…` load, kill and restart processes: they run one at a time (see `.config/nextest.toml`).

mod aborts;
mod api_keys;
mod audit_modes;
mod bad_start;
mod breaches;
mod crowd;
mod database_outage;
mod erasure;
mod export;
mod export_kill;
mod export_receivers;
mod first_start;
mod full_disk;
mod fuzz_requests;
mod guessing;
mod housekeeping;
mod key_jobs;
mod kill;
mod leader_kills;
mod leak_scan;
mod load;
mod mail;
mod mfa;
mod needles;
pub(crate) mod passkeys;
mod passwords;
#[cfg(feature = "vault-transit")]
mod providers;
mod races;
mod redis_outage;
mod replicas;
mod terminate;
mod witnesses;
pub(crate) mod world;

use world::{Admin, World, eventually, say};
