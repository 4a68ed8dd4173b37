//! A map by id, for the look-up that every operation makes.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// A map whose keys are ids. Its hash is not keyed, so it is for ids that this installation made itself: 62 or more bits of
/// each are random, and nobody can choose ids that collide. A foreign id can be looked up in it, and is not put into it.
pub(crate) type IdMap<Id, T> = HashMap<Id, T, BuildHasherDefault<Fold>>;

/// Multiplies 64 bits at a time by an odd constant (2^64 over the golden ratio) and folds the product.
#[derive(Clone, Copy, Default)]
pub(crate) struct Fold(u64);

const FACTOR: u128 = 0x9E37_79B9_7F4A_7C15;

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "both halves of the product are taken"
    )]
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * FACTOR;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }

    /// The length of an id is the same for all.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use vutf_kernel::{KeyId, OsEntropy, SystemClock};

    use super::*;

    /// What a table of 2^16 places takes for the place, and what hashbrown takes to tell entries of one place apart.
    #[test]
    fn ids_of_one_moment_spread_over_places_and_tags() {
        let ids: Vec<KeyId> = (0..10_000)
            .map(|_| KeyId::generate(&SystemClock, &mut OsEntropy))
            .collect();
        let hashes = ids.iter().map(|id| {
            let mut fold = Fold::default();
            std::hash::Hash::hash(id, &mut fold);
            fold.finish()
        });
        let hashes: Vec<u64> = hashes.collect();
        let places: HashSet<u64> = hashes.iter().map(|hash| hash & 0xFFFF).collect();
        let tags: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
        // 10,000 balls in 65,536 bins: 9,276 bins are expected to be hit, with a deviation of 24.
        assert!(places.len() > 9_000, "{}", places.len());
        assert_eq!(tags.len(), 128);
    }
}
