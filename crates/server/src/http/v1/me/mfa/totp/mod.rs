//! An authenticator app.

pub(crate) mod confirm;
pub(crate) mod enrol;
pub(crate) mod remove;
