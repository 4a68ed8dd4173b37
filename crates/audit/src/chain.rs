//! Leaves: the dense numbering of entries, and the hash that binds each to all before it.

use sha2::{Digest, Sha256};
use vutf_kernel::EventId;

/// The hash before the first entry: SHA-256 of `"vutf/chain/v1/genesis"`.
pub const GENESIS: [u8; 32] = [
    0xc8, 0xf1, 0x12, 0x38, 0xb5, 0xbf, 0xf7, 0xe0, 0xf9, 0x09, 0x26, 0xca, 0x59, 0xb8, 0x4e, 0x10, 0x48,
    0x83, 0xe7, 0xe4, 0xb3, 0x64, 0x23, 0x3c, 0x62, 0x3e, 0x7f, 0xee, 0x60, 0x5c, 0xcb, 0xd9,
];

/// Where an intake row stands in the order of commits.
///
/// PostgreSQL orders by `(xid, ord)` among rows whose transaction ended before the snapshot's `xmin`; SQLite has one writer,
/// so `ord` alone is the order. It is the store's bookmark and no evidence: the chain does not cover it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The transaction (`xid8`); 0 where the database has none.
    pub xid: i64,
    /// The identity column of the intake row.
    pub ord: i64,
}

/// Who vouches for an intake row before it has its place: afterwards the log itself does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voucher {
    /// This service: the row carries a MAC under a key that the store does not hold.
    Service,
    /// Nobody. What happened before there were keys, such as the making of the first ones, can have no MAC.
    Nobody,
    /// Nobody, though the row says so: its MAC belongs to something else.
    Forged,
}

/// An intake row that has no place in the log yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The event.
    pub event_id: EventId,
    /// Its canonical bytes.
    pub body: Vec<u8>,
    /// Its place in the order of commits.
    pub cursor: Cursor,
    /// Who vouches for it.
    pub voucher: Voucher,
}

/// How an intake row stands that has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its place in the order of commits.
    pub cursor: Cursor,
    /// Whether it was written with a MAC. Which one is not asked: body and leaf vouch for it by now.
    pub vouched: bool,
}

/// The place of one entry in the log. Written once, by the sequencer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Sequence number: 0, 1, 2, … without a gap.
    pub seq: i64,
    /// The event.
    pub event_id: EventId,
    /// [`leaf_hash`] of the body.
    pub leaf_hash: [u8; 32],
    /// [`chain_after`] the previous leaf.
    pub chain: [u8; 32],
    /// Where the intake row stood in the order of commits.
    pub cursor: Cursor,
}

/// The leaf hash of RFC 6962, section 2.1: SHA-256 over `0x00 ‖ body`.
pub fn leaf_hash(body: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update([0_u8])
        .chain_update(body)
        .finalize()
        .into()
}

/// SHA-256 over `"vutf/chain/v1" ‖ previous ‖ leaf_hash`; `previous` is [`GENESIS`] for the first entry.
pub fn chain_after(previous: &[u8; 32], leaf_hash: &[u8; 32]) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"vutf/chain/v1")
        .chain_update(previous)
        .chain_update(leaf_hash)
        .finalize()
        .into()
}

/// Gives each pending entry the next number after `head`, in the order given.
pub fn link(head: Option<&Leaf>, pending: &[Pending]) -> Vec<Leaf> {
    let (mut seq, mut chain) = head.map_or((0, GENESIS), |leaf| (leaf.seq.saturating_add(1), leaf.chain));
    let mut leaves = Vec::with_capacity(pending.len());
    for entry in pending {
        let leaf_hash = leaf_hash(&entry.body);
        chain = chain_after(&chain, &leaf_hash);
        leaves.push(Leaf {
            seq,
            event_id: entry.event_id,
            leaf_hash,
            chain,
            cursor: entry.cursor,
        });
        seq = seq.saturating_add(1);
    }
    leaves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genesis_is_the_hash_of_its_label() {
        assert_eq!(
            GENESIS,
            <[u8; 32]>::from(Sha256::digest(b"vutf/chain/v1/genesis"))
        );
    }

    #[test]
    fn leaf_hashes_are_those_of_the_rfc_6962_reference_tree() {
        // The one-leaf root of the Certificate Transparency reference tree is the leaf hash of the empty entry.
        assert_eq!(
            leaf_hash(b"").map(|b| format!("{b:02x}")).concat(),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }

    #[test]
    fn linking_in_two_batches_is_linking_in_one() {
        let pending: Vec<Pending> = (0_u8..7)
            .map(|i| Pending {
                event_id: EventId::from_uuid(uuid::Uuid::from_u128(u128::from(i))),
                body: vec![i],
                cursor: Cursor {
                    xid: 0,
                    ord: i64::from(i),
                },
                voucher: Voucher::Service,
            })
            .collect();
        let whole = link(None, &pending);
        assert_eq!(
            whole.iter().map(|leaf| leaf.seq).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4, 5, 6]
        );
        for cut in 1..pending.len() {
            let mut leaves = link(None, &pending[..cut]);
            let rest = link(leaves.last(), &pending[cut..]);
            leaves.extend(rest);
            assert_eq!(leaves, whole);
        }
    }
}
