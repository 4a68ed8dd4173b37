//! A map that holds so many keys and no more.

use std::collections::{BTreeMap, HashMap};

use super::Key;

/// State by key. When it is full, the key that was not touched for longest goes.
#[derive(Clone, Debug)]
pub(crate) struct Bounded<S> {
    limit: usize,
    turn: u64,
    slots: HashMap<Key, (u64, S)>,
    order: BTreeMap<u64, Key>,
}

impl<S> Bounded<S> {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            turn: 0,
            slots: HashMap::new(),
            order: BTreeMap::new(),
        }
    }

    /// The state of `key`, made if it is not there, and whose state had to go for it.
    pub(crate) fn touch(&mut self, key: Key, make: impl FnOnce() -> S) -> (&mut S, Option<S>) {
        let evicted = if self.slots.contains_key(&key) || self.slots.len() < self.limit {
            None
        } else {
            self.order
                .pop_first()
                .and_then(|(_, oldest)| self.slots.remove(&oldest))
                .map(|(_, state)| state)
        };
        self.turn += 1;
        let slot = self.slots.entry(key).or_insert_with(|| (0, make()));
        self.order.remove(&slot.0);
        slot.0 = self.turn;
        self.order.insert(self.turn, key);
        (&mut slot.1, evicted)
    }

    /// The state of `key`, and its turn is not counted.
    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut S> {
        self.slots.get_mut(key).map(|(_, state)| state)
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        if let Some((turn, _)) = self.slots.remove(key) {
            self.order.remove(&turn);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &S> {
        self.slots.values().map(|(_, state)| state)
    }

    /// All of it, the key that would go first in front.
    pub(crate) fn list(&self) -> Vec<(Key, S)>
    where
        S: Clone,
    {
        let state = |key: &Key| Some((*key, self.slots.get(key)?.1.clone()));
        self.order.values().filter_map(state).collect()
    }

    /// The same again; what is beyond the limit goes.
    pub(crate) fn fill(&mut self, list: Vec<(Key, S)>) {
        for (key, state) in list {
            self.touch(key, || state);
        }
    }
}

#[cfg(test)]
mod tests {
    use vutf_kernel::OrganizationId;

    use super::*;
    use crate::analysis::KeyKind;

    fn key(value: u8) -> Key {
        Key {
            organization_id: OrganizationId::DEFAULT,
            kind: KeyKind::Person,
            value: [value; 16],
        }
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut map = Bounded::new(2);
        assert_eq!(map.touch(key(1), || 1).1, None);
        assert_eq!(map.touch(key(2), || 2).1, None);
        assert_eq!(*map.touch(key(1), || 9).0, 1, "it is there");
        assert_eq!(map.touch(key(3), || 3).1, Some(2), "1 was used since");
        assert_eq!(map.len(), 2);
        assert_eq!(map.list(), [(key(1), 1), (key(3), 3)]);
        map.remove(&key(1));
        assert_eq!(map.touch(key(4), || 4).1, None, "there is room again");
    }

    #[test]
    fn a_copy_goes_on_in_the_same_order() {
        let mut map = Bounded::new(3);
        for value in [1, 2, 3, 1] {
            map.touch(key(value), || value);
        }
        let mut copy = Bounded::new(3);
        copy.fill(map.list());
        assert_eq!(map.touch(key(4), || 4).1, copy.touch(key(4), || 4).1);
        assert_eq!(map.list(), copy.list());
    }
}
