//! The Merkle tree over the log, as C2SP tlog-tiles serves it, and what is proved with it. No event is shown here.

pub(crate) mod checkpoint;
pub(crate) mod consistency;
pub(crate) mod keys;
pub(crate) mod tile;

use serde::Deserialize;

/// What [`UnderQuery`] takes.
pub(crate) const WITNESSED: (&str, &str) = (
    "witnessed",
    "`true`: under the newest checkpoint that `audit.witness_quorum` witnesses cosigned, at least one.",
);

/// Under which checkpoint.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnderQuery {
    pub(crate) witnessed: Option<bool>,
}
