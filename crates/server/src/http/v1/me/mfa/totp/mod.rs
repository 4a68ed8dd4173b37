//! An authenticator app.

pub(crate) mod confirm;
pub(crate) mod enrol;
mod qr;
pub(crate) mod remove;
