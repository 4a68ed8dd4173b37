//! The session of a browser.

pub(crate) mod close;
pub(crate) mod open;
