//! One's own account.

pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod email;
pub(crate) mod erasure;
pub(crate) mod export;
pub(crate) mod mfa;
pub(crate) mod sessions;
pub(crate) mod update;
pub(crate) mod view;
