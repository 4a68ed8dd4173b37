//! The adapter against real databases.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

/// Runs each function against a world on SQLite and one on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::world::World;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(World::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(world) = World::postgres().await {
                    super::$name(world).await;
                }
            }
        }
    )+};
}

mod analysis;
mod append_only;
mod backlog;
mod classification;
mod contract;
mod dba;
mod dba_api_keys;
mod dba_keys;
mod dba_mail;
mod dba_mfa;
mod dba_people;
mod dba_roles;
mod drill_tamper;
mod erasure;
mod group;
mod jobs;
mod kek;
mod key_watch;
mod keys;
mod keys_destroy;
mod keys_life;
mod keys_races;
mod keys_world;
mod look;
mod migrations;
mod mixin;
mod names;
mod passkeys;
mod queries;
mod retention;
mod retry;
mod sealed;
mod sealed_columns;
mod search;
mod sequencer;
mod tamper;
#[path = "../tamper_drill/mod.rs"]
mod tamper_drill;
mod tombstones;
mod voucher;
mod world;
