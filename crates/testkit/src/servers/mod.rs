//! Throwaway servers and databases.
//!
//! Invariants:
//! - A server that this module did not start is never used or touched, unless the variable of its [`Component`] names it,
//!   for example `VUTF_TEST_DATABASE_URL`.
//! - A started server listens on a free loopback port, runs as an unprivileged user (where that user can reach its program), keeps its files in a directory
//!   that only that user can read, outside the checkout, and ends with its owner: on drop, and also when the owner
//!   is killed.
//! - A test that cannot have a server is counted as skipped, never as passed; with `CI=true` it fails.

mod binaries;
mod components;
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
pub use components::{Moto, OpenBao, OpenBaoAccess, SoftHsm};
#[cfg(feature = "stores")]
pub use database::TestDatabase;
pub use home::{Account, Home, Place};
pub use install::{can_install, chromium, identity_judges, install, tlog_scales};
pub use postgres::{Postgres, PostgresOptions};
pub use process::{Process, Signal};
pub use redis::{Redis, RedisOptions};
#[cfg(feature = "stores")]
pub use shared::require_database;
pub use shared::{
    require_moto, require_openbao, require_postgres, require_redis, require_softhsm, server_binary,
};
