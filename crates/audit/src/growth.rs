//! What was added to the log between two of its heads.

use std::collections::BTreeMap;

use vutf_kernel::Timestamp;

use crate::{Leaf, LogEntry, StoredIntake, chain_after, leaf_hash, verify::is_pruned};

/// Counts of the entries between two heads, by what they tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// Entries.
    pub entries: u64,
    /// Those of them whose bodies were pruned: they follow, and tell nothing that could be counted below.
    pub pruned: u64,
    /// Entries by action.
    pub actions: BTreeMap<String, u64>,
    /// Entries by `success`, `refused` and `failed`.
    pub outcomes: BTreeMap<String, u64>,
    /// Entries by `anonymous`, `user`, `operator` and `system`.
    pub actors: BTreeMap<String, u64>,
    /// When the first of them happened.
    pub first: Option<Timestamp>,
    /// When the last of them happened.
    pub last: Option<Timestamp>,
    /// The head that they lead to.
    pub head: Option<Leaf>,
}

/// An entry does not follow from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seq {0} does not follow from the entry before it: run `audit verify`")]
pub struct Broken(pub i64);

impl Growth {
    /// Takes the entry number `seq`. `before` is the chain's hash before it.
    ///
    /// # Errors
    /// [`Broken`] when it is another one, or body, leaf and chain do not fit. Whether a pruned body may be gone,
    /// [`crate::verify()`] judges.
    pub fn push(&mut self, entry: &LogEntry, seq: i64, before: &[u8; 32]) -> Result<(), Broken> {
        let leaf = &entry.leaf;
        if leaf.seq != seq || chain_after(before, &leaf.leaf_hash) != leaf.chain {
            return Err(Broken(seq));
        }
        if is_pruned(entry) {
            self.pruned += 1;
        } else {
            let intake = entry.intake.as_ref();
            let intake = intake.filter(|intake| leaf_hash(&intake.body) == leaf.leaf_hash);
            self.count(intake.ok_or(Broken(seq))?);
        }
        self.entries += 1;
        self.head = Some(leaf.clone());
        Ok(())
    }

    fn count(&mut self, intake: &StoredIntake) {
        *self.actions.entry(intake.action.clone()).or_default() += 1;
        *self.outcomes.entry(intake.outcome.clone()).or_default() += 1;
        *self.actors.entry(intake.actor_kind.clone()).or_default() += 1;
        let at = intake.occurred_at;
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
    }
}
