//! Throwaway servers and databases.
//!
//! Invariants:
//! - A server that this module did not start is never used or touched, unless `VUTF_TEST_DATABASE_URL` or
//!   `VUTF_TEST_REDIS_URL` names it.
//! - A started server listens on a free loopback port, runs as an unprivileged user, keeps its files in a directory
//!   that only that user can read, outside the checkout, and ends with its owner: on drop, and also when the owner
//!   is killed.
//! - A test that cannot have a server is counted as skipped, never as passed; with `CI=true` it fails.

mod binaries;
#[cfg(feature = "stores")]
pub mod database;
mod home;
mod install;
mod postgres;
mod process;
mod redis;
pub mod settings;
mod shared;

pub use binaries::{Binaries, Component, find_binaries, install_hint};
#[cfg(feature = "stores")]
pub use database::TestDatabase;
pub use home::{Home, Place};
pub use install::{can_install, install};
pub use postgres::{Postgres, PostgresOptions};
pub use process::{Process, Signal};
pub use redis::{Redis, RedisOptions};
#[cfg(feature = "stores")]
pub use shared::require_database;
pub use shared::{require_postgres, require_redis, server_binary};
