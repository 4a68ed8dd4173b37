//! The Merkle tree over the log, as C2SP tlog-tiles serves it, and what is proved with it. No event is shown here.

pub(crate) mod checkpoint;
pub(crate) mod consistency;
pub(crate) mod keys;
pub(crate) mod tile;
