//! Addresses and mailed links.

pub(crate) mod confirm;
pub(crate) mod object;
pub(crate) mod resend;
pub(crate) mod verify;
