//! The tree against the vectors of others, and its proofs against one another.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use serde::Deserialize;
use vutf_audit::{
    leaf_hash,
    merkle::{
        EMPTY_ROOT, Frontier, Hash, Node, Nodes as _, TILE_WIDTH, TileId, Tiles, consistency_nodes,
        inclusion_nodes, prove_consistency, prove_inclusion, root_nodes, root_of, tiles_of,
        verify_consistency, verify_inclusion,
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionCase {
    #[serde(rename = "_file")]
    file: String,
    leaf_hash: String,
    leaf_idx: u64,
    proof: Option<Vec<String>>,
    root: String,
    tree_size: u64,
    want_err: bool,
}

#[derive(Deserialize)]
struct ConsistencyCase {
    #[serde(rename = "_file")]
    file: String,
    proof: Option<Vec<String>>,
    root1: String,
    root2: String,
    size1: u64,
    size2: u64,
    #[serde(rename = "wantErr")]
    want_err: bool,
}

#[derive(Deserialize)]
struct ReferenceTree {
    leaves_hex: Vec<String>,
    roots_by_size: Vec<String>,
}

/// `None` for what is not 32 bytes: such a hash cannot be written down with the types of this crate.
fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).unwrap().try_into().ok()
}

/// Some cases have words for roots that do not matter; different words stay different.
fn root(text: &str) -> Option<Hash> {
    let mut bytes = STANDARD.decode(text).unwrap();
    bytes.resize(bytes.len().max(32), 0);
    bytes.try_into().ok()
}

fn hashes(texts: Option<&Vec<String>>) -> Option<Vec<Hash>> {
    texts.map_or(Some(Vec::new()), |texts| {
        texts.iter().map(|text| hash(text)).collect()
    })
}

fn cases<T: for<'a> Deserialize<'a>>(text: &str) -> Vec<T> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn inclusion_holds(case: &InclusionCase) -> Option<bool> {
    let (leaf, root) = (hash(&case.leaf_hash)?, root(&case.root)?);
    let proof = hashes(case.proof.as_ref())?;
    Some(verify_inclusion(&leaf, case.leaf_idx, case.tree_size, &proof, &root).is_ok())
}

fn consistency_holds(case: &ConsistencyCase) -> Option<bool> {
    let (old, new) = (root(&case.root1)?, root(&case.root2)?);
    let proof = hashes(case.proof.as_ref())?;
    Some(verify_consistency(case.size1, case.size2, &proof, &old, &new).is_ok())
}

#[test]
fn all_196_cases_of_transparency_dev_come_out_right() {
    let inclusion: Vec<InclusionCase> = cases(include_str!("../data/merkle/inclusion.jsonl"));
    let consistency: Vec<ConsistencyCase> = cases(include_str!("../data/merkle/consistency.jsonl"));
    for case in &inclusion {
        assert_eq!(
            inclusion_holds(case).unwrap_or(false),
            !case.want_err,
            "{}",
            case.file
        );
    }
    for case in &consistency {
        assert_eq!(
            consistency_holds(case).unwrap_or(false),
            !case.want_err,
            "{}",
            case.file
        );
    }
    let refused = inclusion.iter().filter(|case| case.want_err).count()
        + consistency.iter().filter(|case| case.want_err).count();
    assert_eq!((inclusion.len() + consistency.len(), refused), (196, 184));
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

/// A tree of entries, with every tile.
fn tree<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> (Frontier, Tiles) {
    let (mut frontier, mut tiles) = (Frontier::default(), Tiles::default());
    for entry in entries {
        frontier.append(leaf_hash(entry), |level, index, hash| {
            tiles.note(level, index, hash);
        });
    }
    (frontier, tiles)
}

/// A tree of `size` entries, each its own number.
fn numbered(size: u64) -> (Frontier, Tiles) {
    let entries: Vec<[u8; 8]> = (0..size).map(u64::to_be_bytes).collect();
    tree(entries.iter().map(<[u8; 8]>::as_slice))
}

#[test]
fn the_reference_tree_has_the_roots_of_certificate_transparency() {
    let reference: ReferenceTree =
        serde_json::from_str(include_str!("../data/merkle/reference-tree.json")).unwrap();
    let leaves: Vec<Vec<u8>> = reference.leaves_hex.iter().map(|leaf| bytes(leaf)).collect();
    assert_eq!(leaves.len(), 8);
    for (size, root) in reference.roots_by_size.iter().enumerate() {
        let (frontier, tiles) = tree(leaves[..size].iter().map(Vec::as_slice));
        assert_eq!(frontier.root().as_slice(), bytes(root));
        assert_eq!(root_of(&tiles, u64::try_from(size).unwrap()), Ok(frontier.root()));
    }
}

#[test]
fn every_proof_of_every_small_tree_holds_and_no_other() {
    let (_, tiles) = numbered(70);
    for size in 1..=70 {
        let root = root_of(&tiles, size).unwrap();
        for index in 0..size {
            let leaf = leaf_hash(&index.to_be_bytes());
            let proof = prove_inclusion(&tiles, index, size).unwrap();
            assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
            let elsewhere = (index + 1) % size;
            let moved = verify_inclusion(&leaf, elsewhere, size, &proof, &root);
            assert!(size == 1 || moved.is_err(), "{index} of {size}");
        }
        for old in 1..=size {
            let old_root = root_of(&tiles, old).unwrap();
            let proof = prove_consistency(&tiles, old, size).unwrap();
            assert_eq!(verify_consistency(old, size, &proof, &old_root, &root), Ok(()));
        }
    }
}

#[test]
fn a_tree_of_many_tiles_is_read_from_them() {
    let size = 3 * TILE_WIDTH * TILE_WIDTH / 2 + 77;
    let (frontier, tiles) = numbered(size);
    assert_eq!(root_of(&tiles, size), Ok(frontier.root()));
    for index in [0, 255, 256, 65_535, 65_536, size - 1] {
        let proof = prove_inclusion(&tiles, index, size).unwrap();
        let leaf = leaf_hash(&index.to_be_bytes());
        assert_eq!(
            verify_inclusion(&leaf, index, size, &proof, &frontier.root()),
            Ok(())
        );
    }
    for id in tiles_of(0, size) {
        assert_eq!(
            u64::try_from(tiles.tile(id).len()).unwrap(),
            id.width(size),
            "{id:?}"
        );
    }
    assert_eq!(tiles_of(0, size).count(), 385 + 2 + 1);
    // The specification's own example.
    let widths = |level, index| TileId { level, index }.width(70_000);
    assert_eq!(
        (widths(0, 272), widths(0, 273), widths(1, 1), widths(2, 0)),
        (256, 112, 17, 1)
    );
}

#[test]
fn a_missing_node_is_named() {
    let (_, mut tiles) = numbered(300);
    tiles.insert(TileId { level: 0, index: 1 }, Vec::new());
    assert!(prove_inclusion(&tiles, 7, 300).is_err());
    assert!(prove_inclusion(&tiles, 7, 256).is_ok());
}

#[test]
fn a_tree_without_entries_shows_nothing() {
    assert_eq!(Frontier::default().root(), EMPTY_ROOT);
    assert!(verify_inclusion(&EMPTY_ROOT, 0, 0, &[], &EMPTY_ROOT).is_err());
    assert!(verify_consistency(0, 0, &[], &EMPTY_ROOT, &EMPTY_ROOT).is_err());
    assert!(verify_consistency(0, 5, &[], &EMPTY_ROOT, &[1; 32]).is_err());
    assert!(root_nodes(0).is_empty());
}

#[test]
fn paths_of_tiles_are_those_of_the_specification() {
    let id = TileId {
        level: 0,
        index: 1_234_067,
    };
    assert_eq!(id.path(256), "0/x001/x234/067");
    assert_eq!(id.path(17), "0/x001/x234/067.p/17");
    assert_eq!(TileId::parse("0/x001/x234/067.p/17"), Ok((id, 17)));
    for wrong in [
        "",
        "0",
        "0/",
        "0/0",
        "0/1000",
        "64/000",
        "00/000",
        "0/x000/001",
        "0/001/002",
        "0/x001",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "0/000.p/",
        "0/000/",
        "-1/000",
        "0/+01",
        "0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert!(TileId::parse(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn a_frontier_goes_on_where_it_was_left(first in 0_u64..600, more in 0_u64..600) {
        let (whole, _) = numbered(first + more);
        let (kept, _) = numbered(first);
        let mut again = Frontier::from_parts(kept.size(), kept.peaks().to_vec()).unwrap();
        for index in first..first + more {
            again.append(leaf_hash(&index.to_be_bytes()), |_, _, _| ());
        }
        prop_assert_eq!(again, whole);
    }

    #[test]
    fn proofs_hold_for_any_sizes_and_any_changed_hash_breaks_them(size in 2_u64..2_000, at in any::<u64>(), old in any::<u64>(), bit in any::<u8>(), which in any::<prop::sample::Index>()) {
        let (frontier, tiles) = numbered(size);
        let (index, old) = (at % size, 1 + old % (size - 1));
        let leaf = leaf_hash(&index.to_be_bytes());
        let mut proof = prove_inclusion(&tiles, index, size).unwrap();
        prop_assert!(verify_inclusion(&leaf, index, size, &proof, &frontier.root()).is_ok());
        let place = which.index(proof.len());
        proof[place][usize::from(bit / 8)] ^= 1 << (bit % 8);
        prop_assert!(verify_inclusion(&leaf, index, size, &proof, &frontier.root()).is_err());

        let old_root = root_of(&tiles, old).unwrap();
        let mut proof = prove_consistency(&tiles, old, size).unwrap();
        prop_assert!(verify_consistency(old, size, &proof, &old_root, &frontier.root()).is_ok());
        let place = which.index(proof.len());
        proof[place][usize::from(bit / 8)] ^= 1 << (bit % 8);
        prop_assert!(verify_consistency(old, size, &proof, &old_root, &frontier.root()).is_err());
    }

    #[test]
    fn no_size_and_no_proof_makes_it_panic(index in any::<u64>(), size in any::<u64>(), proof in prop::collection::vec(any::<Hash>(), 0..70), path in "[0-9x/.p]{0,40}") {
        let _ = verify_inclusion(&[0; 32], index, size, &proof, &[1; 32]);
        let _ = verify_consistency(index, size, &proof, &[0; 32], &[1; 32]);
        let _ = (inclusion_nodes(index, size), consistency_nodes(index, size), root_nodes(size));
        let _ = Tiles::default().node(Node { level: u8::try_from(index % 64).unwrap(), index: size });
        if let Ok((id, width)) = TileId::parse(&path) {
            prop_assert_eq!(id.path(width), path);
        }
    }
}
