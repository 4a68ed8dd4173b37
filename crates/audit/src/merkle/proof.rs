//! Proofs of inclusion and of consistency: made from nodes, and verified with nothing but the proof.

use super::{EMPTY_ROOT, Hash, node_hash};

/// Hashes in a proof at most: the height of the tallest tree, and one.
pub const MAX_PROOF: usize = 65;

/// Why a proof does not show what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The entry lies beyond the tree.
    #[error("entry {index} is not in a tree of {size} entries")]
    Beyond {
        /// The entry's index.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The first tree is empty, or larger than the second: nothing can be shown.
    #[error("nothing shows that a tree of {old} entries is the beginning of one of {new}")]
    Sizes {
        /// The older tree's size.
        old: u64,
        /// The newer tree's size.
        new: u64,
    },
    /// Too few or too many hashes for these sizes.
    #[error("a proof for these sizes has another number of hashes")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
    /// A node that is needed is not there.
    #[error("the node {0:?} is not there")]
    Missing(Node),
}

/// A perfect subtree: entries `index · 2^level` up to `(index + 1) · 2^level`, the last not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// 0 for an entry.
    pub level: u8,
    /// Counted from the left, within its level.
    pub index: u64,
}

/// Where the hashes of perfect subtrees come from.
pub trait Nodes {
    /// The hash, if it is known.
    fn node(&self, node: Node) -> Option<Hash>;
}

/// Shows that `leaf` is the entry `index` of the tree of `size` entries with this `root` (RFC 9162, section 2.1.3.2).
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    let last = match size.checked_sub(1) {
        Some(last) if index <= last => last,
        _ => return Err(ProofError::Beyond { index, size }),
    };
    let (mut at, mut last, mut hash) = (index, last, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            (at, last) = up_from_left_edge(at, last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    match last {
        0 if hash == *root => Ok(()),
        0 => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// Shows that the tree of `new` entries with `new_root` begins with the tree of `old` entries with `old_root` (RFC 9162,
/// section 2.1.4.2).
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), ProofError> {
    if old == 0 || old > new {
        return Err(ProofError::Sizes { old, new });
    }
    if old == new {
        return match proof {
            [] if old_root == new_root => Ok(()),
            [] => Err(ProofError::Root),
            _ => Err(ProofError::Length),
        };
    }
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::Length)?
    };
    let below = (old - 1).trailing_ones();
    let (mut at, mut last) = ((old - 1) >> below, (new - 1) >> below);
    let (mut older, mut newer) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            older = node_hash(hash, &older);
            newer = node_hash(hash, &newer);
            (at, last) = up_from_left_edge(at, last);
        } else {
            newer = node_hash(&newer, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    match last {
        0 if older == *old_root && newer == *new_root => Ok(()),
        0 => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// A right edge without a sibling is carried up to where it has one.
fn up_from_left_edge(at: u64, last: u64) -> (u64, u64) {
    let up = if at == 0 { 0 } else { at.trailing_zeros() };
    (at >> up, last >> up)
}

/// The perfect subtrees that each hash of a proof of inclusion is made of, from the entry's sibling upward.
pub fn inclusion_nodes(index: u64, size: u64) -> Result<Vec<Vec<Node>>, ProofError> {
    if index >= size {
        return Err(ProofError::Beyond { index, size });
    }
    let mut path = Vec::new();
    let (mut from, mut to) = (0, size);
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(perfect(middle, to));
            to = middle;
        } else {
            path.push(perfect(from, middle));
            from = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The perfect subtrees that each hash of a proof of consistency is made of.
pub fn consistency_nodes(old: u64, new: u64) -> Result<Vec<Vec<Node>>, ProofError> {
    if old == 0 || old > new {
        return Err(ProofError::Sizes { old, new });
    }
    let mut path = Vec::new();
    let (mut from, mut to, mut whole) = (0, new, true);
    while old < to {
        let middle = from + split(to - from);
        if old <= middle {
            path.push(perfect(middle, to));
            to = middle;
        } else {
            path.push(perfect(from, middle));
            from = middle;
            whole = false;
        }
    }
    if !whole {
        path.push(perfect(from, to));
    }
    path.reverse();
    Ok(path)
}

/// The perfect subtrees that the root of a tree of `size` entries is made of, largest first.
pub fn root_nodes(size: u64) -> Vec<Node> {
    perfect(0, size)
}

/// Makes a proof of inclusion; see [`verify_inclusion`].
pub fn prove_inclusion(nodes: &dyn Nodes, index: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
    let path = inclusion_nodes(index, size)?;
    path.iter().map(|subtree| hash_of(nodes, subtree)).collect()
}

/// Makes a proof of consistency; see [`verify_consistency`].
pub fn prove_consistency(nodes: &dyn Nodes, old: u64, new: u64) -> Result<Vec<Hash>, ProofError> {
    let path = consistency_nodes(old, new)?;
    path.iter().map(|subtree| hash_of(nodes, subtree)).collect()
}

/// The root of the tree of `size` entries.
pub fn root_of(nodes: &dyn Nodes, size: u64) -> Result<Hash, ProofError> {
    hash_of(nodes, &root_nodes(size))
}

fn hash_of(nodes: &dyn Nodes, subtrees: &[Node]) -> Result<Hash, ProofError> {
    let mut folded = None;
    for &subtree in subtrees.iter().rev() {
        let left = nodes.node(subtree).ok_or(ProofError::Missing(subtree))?;
        folded = Some(folded.map_or(left, |right| node_hash(&left, &right)));
    }
    Ok(folded.unwrap_or(EMPTY_ROOT))
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Entries `from` up to `to` as perfect subtrees, largest first. `from` is a multiple of the largest of them.
fn perfect(from: u64, to: u64) -> Vec<Node> {
    let (mut at, mut nodes) = (from, Vec::new());
    while at < to {
        let size = to - at;
        let level = size.ilog2();
        nodes.push(Node {
            level: u8::try_from(level).unwrap_or(u8::MAX),
            index: at >> level,
        });
        at += 1 << level;
    }
    nodes
}
