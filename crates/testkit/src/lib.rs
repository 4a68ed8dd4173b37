#![doc = include_str!("../README.md")]

#[cfg(feature = "stores")]
pub mod authenticator;
pub mod certificates;
#[cfg(feature = "stores")]
pub mod client;
#[cfg(feature = "stores")]
pub mod contracts;
#[cfg(feature = "stores")]
pub mod factory;
pub mod mailbox;
pub mod process;
pub mod random;
pub mod servers;
#[cfg(feature = "stores")]
pub mod sql;
pub mod sqlite;
