//! The harness itself, against real servers.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod components;
mod databases;
mod orphans;
mod servers;
