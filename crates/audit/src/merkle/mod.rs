//! The Merkle tree of RFC 6962, section 2.1, over the entries of the log: its root names all of them and their order in 32
//! bytes, and a few hashes show that one entry is in it, or that one tree begins with another.
//!
//! Everything here is arithmetic over hashes. Where they are kept is somebody else's: [`Nodes`] gives them, [`Tiles`] is how
//! [C2SP tlog-tiles](https://c2sp.org/tlog-tiles) groups them.

mod frontier;
mod proof;
mod tile;

pub use frontier::Frontier;
pub use proof::{
    MAX_PROOF, Node, Nodes, ProofError, consistency_nodes, inclusion_nodes, prove_consistency,
    prove_inclusion, root_nodes, root_of, verify_consistency, verify_inclusion,
};
pub use tile::{TILE_HEIGHT, TILE_WIDTH, TileId, TilePathError, Tiles, tiles_of};
pub(crate) use tile::{parse_index, path_of};

use sha2::{Digest as _, Sha256};

/// SHA-256: of an entry ([`crate::leaf_hash`]), of a subtree ([`node_hash`]), of a whole tree (its root).
pub type Hash = [u8; 32];

/// The root of a tree without entries: SHA-256 of nothing (RFC 6962, section 2.1).
pub const EMPTY_ROOT: Hash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// SHA-256 over `0x01 ‖ left ‖ right`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1_u8])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}
