//! What does not fit, and where.

use std::fmt;

/// What does not fit. The words are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// A table of the log is not there, or is no table.
    TableMissing,
    /// No leaf has this number, though a later one or an anchor shows that there was one.
    LeafMissing,
    /// The number occurs twice, or is below the first.
    LeafRepeated,
    /// The leaf is there and the event is not.
    EventMissing,
    /// The body is not the one that was hashed.
    BodyChanged,
    /// The leaf hash is not the one that was chained; the body is.
    LeafHashChanged,
    /// The chain hash does not follow from the entries up to here.
    ChainChanged,
    /// The body is not an entry, or not in canonical form.
    BodyNotCanonical,
    /// A search column says something else than the body, or holds what no version of this program wrote.
    ColumnChanged,
    /// Leaf and event say different things about the order of commits.
    CursorChanged,
    /// The list of subjects says something else than the body, or belongs to nothing.
    SubjectsChanged,
    /// A sealed part does not fit its commitment, or has none.
    PartChanged,
    /// The entry commits to a sealed part that is no longer stored.
    PartMissing,
    /// What was pruned is not what the log tells of.
    RemovalChanged,
    /// An event without a place, though later ones have theirs.
    PassedOver,
    /// An event that this service did not write: nothing vouches for it.
    Forged,
    /// A node of the Merkle tree is not the hash of what is below it, or is there without need.
    NodeChanged,
    /// A checkpoint is not that of the log at its size, or is not signed by the log's key.
    CheckpointChanged,
    /// The log is consistent, but it is not the one that the anchor was taken from.
    AnchorMismatch,
}

impl FindingKind {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TableMissing => "table_missing",
            Self::LeafMissing => "leaf_missing",
            Self::LeafRepeated => "leaf_repeated",
            Self::EventMissing => "event_missing",
            Self::BodyChanged => "body_changed",
            Self::LeafHashChanged => "leaf_hash_changed",
            Self::ChainChanged => "chain_changed",
            Self::BodyNotCanonical => "body_not_canonical",
            Self::ColumnChanged => "column_changed",
            Self::CursorChanged => "cursor_changed",
            Self::SubjectsChanged => "subjects_changed",
            Self::PartChanged => "part_changed",
            Self::PartMissing => "part_missing",
            Self::RemovalChanged => "removal_changed",
            Self::PassedOver => "passed_over",
            Self::Forged => "forged",
            Self::NodeChanged => "node_changed",
            Self::CheckpointChanged => "checkpoint_changed",
            Self::AnchorMismatch => "anchor_mismatch",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The sequence number.
    pub seq: i64,
    /// What does not fit there.
    pub kind: FindingKind,
    /// In words, for an operator. Holds no PII.
    pub detail: String,
}

impl Finding {
    /// At `seq`.
    pub fn new(seq: i64, kind: FindingKind, detail: impl Into<String>) -> Self {
        Self {
            seq,
            kind,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seq {}: {}: {}", self.seq, self.kind, self.detail)
    }
}

/// What does not fit in one entry, whose number is known from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// What.
    pub kind: FindingKind,
    /// In words, for an operator. Holds no PII.
    pub detail: String,
}

impl Misfit {
    /// Of this kind.
    pub fn new(kind: FindingKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, detail }
    }
}
