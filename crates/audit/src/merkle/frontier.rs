//! What a growing tree has to remember.

use super::{EMPTY_ROOT, Hash, node_hash};

/// The roots of the perfect subtrees that a tree of `size` entries consists of, largest first: one for each bit that is set in
/// `size`. Enough to append, and to know the root after each append, without any other node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// From the peaks of a tree, largest first. `None` unless there are as many as `size` has bits.
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        let fits = u32::try_from(peaks.len()).is_ok_and(|count| count == size.count_ones());
        fits.then_some(Self { size, peaks })
    }

    /// How many entries there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The peaks, largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends an entry by its leaf hash; hands `made` each subtree that it completed, as level and index, lowest first.
    pub fn append(&mut self, leaf: Hash, mut made: impl FnMut(u8, u64, &Hash)) {
        let (mut hash, mut index, mut level) = (leaf, self.size, 0);
        made(level, index, &hash);
        while index & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = node_hash(&left, &hash);
            index >>= 1;
            level += 1;
            made(level, index, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let folded = self
            .peaks
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right));
        folded.unwrap_or(EMPTY_ROOT)
    }
}
