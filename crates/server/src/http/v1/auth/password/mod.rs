//! Passwords.

pub(crate) mod change;
pub(crate) mod strength;
