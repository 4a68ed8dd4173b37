//! Why somebody may do something, or may not.

pub(crate) mod explain;
