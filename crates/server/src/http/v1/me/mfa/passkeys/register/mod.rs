//! A new passkey.

pub(crate) mod begin;
pub(crate) mod finish;
