//! One's own erasure.

pub(crate) mod ask;
pub(crate) mod cancel;
pub(crate) mod view;
