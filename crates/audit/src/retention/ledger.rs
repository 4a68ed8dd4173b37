//! The check of what was pruned. It needs nothing but the walk over the log: neither store nor keys.

use std::collections::BTreeMap;

use vutf_kernel::EventId;

use super::{Removal, Removed, Seqs};
use crate::{Body, Finding, FindingKind, Leaf};

/// Compares entries whose bodies are gone with the events that tell of their removal.
///
/// Push every entry without a body, in the order of the log, with the id of the event that is said to have removed it, and every
/// entry's body that is there. An event comes after all that it removed, so only [`Self::finish`] judges. What it keeps grows
/// with the number of removals, not of entries.
#[derive(Clone, Debug, Default)]
pub struct PruneLedger {
    /// Entries below are not walked.
    from: i64,
    seen: BTreeMap<EventId, Seen>,
    told: BTreeMap<EventId, Removal>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    removed: Removed,
    /// Entries whose place was not pushed: the hash over places says nothing then.
    bare: bool,
}

impl PruneLedger {
    /// For a walk that begins at `from`. Of removals that reach below it only the numbers are compared.
    pub fn starting_at(from: i64) -> Self {
        Self {
            from,
            ..Self::default()
        }
    }

    /// An entry without a body. `false` when the number does not ascend.
    pub fn push(&mut self, seq: i64, leaf_hash: &[u8; 32], removed_by: EventId) -> bool {
        let seen = self.seen.entry(removed_by).or_default();
        seen.bare = true;
        seen.removed.push(seq, leaf_hash)
    }

    /// The same where the whole place is at hand.
    pub fn push_leaf(&mut self, leaf: &Leaf, removed_by: EventId) -> bool {
        let seen = self.seen.entry(removed_by).or_default();
        seen.removed.push_leaf(leaf)
    }

    /// A body that is in the log. Whether it told of a removal.
    pub fn push_event(&mut self, body: &Body) -> bool {
        let removal = Removal::read(body);
        let tells = removal.is_some();
        if let Some(removal) = removal {
            self.told.insert(body.id, removal);
        }
        tells
    }

    /// The events that are said to have removed something and were not met so far.
    pub fn unmet(&self) -> impl Iterator<Item = EventId> {
        self.seen.keys().filter(|id| !self.told.contains_key(id)).copied()
    }

    /// How many entries an event is said to have removed.
    pub fn count(&self, removed_by: EventId) -> u64 {
        let seen = self.seen.get(&removed_by);
        seen.map_or(0, |seen| seen.removed.seqs().count())
    }

    /// The lowest entry whose absence, or presence, is not as the log tells.
    pub fn finish(self) -> Option<Finding> {
        let seen = self.seen.iter().filter_map(|(id, seen)| self.judge(*id, seen));
        let unseen = self.told.iter().filter(|(id, _)| !self.seen.contains_key(id));
        let remaining = unseen.filter_map(|(id, removal)| self.unlike(*id, removal, &Seqs::default()));
        seen.chain(remaining).min_by_key(|finding| finding.seq)
    }

    fn judge(&self, id: EventId, seen: &Seen) -> Option<Finding> {
        let seqs = seen.removed.seqs();
        let first = seqs.first()?;
        let Some(told) = self.told.get(&id) else {
            let detail = format!("the event is gone, and no event {id} in the log tells that it was removed");
            return Some(Finding::new(first, FindingKind::EventMissing, detail));
        };
        if let Some(finding) = self.unlike(id, told, seqs) {
            return Some(finding);
        }
        let whole = told.seqs.first().is_some_and(|first| first >= self.from);
        let other_hash = whole && seen.removed.digest() != told.digest;
        let other_place = whole && !seen.bare && seen.removed.places() != told.places;
        (other_hash || other_place).then(|| {
            let what = if other_hash {
                "leaf hashes"
            } else {
                "event ids or cursors"
            };
            let detail = format!("event {id} removed entries with other {what}, one of {seqs}");
            Finding::new(first, FindingKind::RemovalChanged, detail)
        })
    }

    fn unlike(&self, id: EventId, told: &Removal, seen: &Seqs) -> Option<Finding> {
        let wanted = told.seqs.at_least(self.from);
        let seq = wanted.first_unlike(seen)?;
        Some(if seen.contains(seq) {
            let detail = format!("the event is gone, and it is not among those that event {id} removed");
            Finding::new(seq, FindingKind::EventMissing, detail)
        } else {
            let detail = format!("event {id} tells that the entry was removed, and the store says otherwise");
            Finding::new(seq, FindingKind::RemovalChanged, detail)
        })
    }
}
