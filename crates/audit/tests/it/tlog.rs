//! Notes, checkpoints and proofs against a signed log that others made, and against our own.

use std::{fs, path::PathBuf};

use ed25519_compact::{KeyPair, Seed};
use proptest::prelude::*;
use vutf_audit::{
    leaf_hash,
    merkle::{Frontier, TileId, Tiles, prove_consistency, prove_inclusion, root_of, verify_consistency},
    tlog::{
        Checkpoint, Cosignature, KeyKind, KeyName, Note, NoteSignature, TlogProof, TrustError, TrustPolicy,
        VerifierKey, cosigned_message, entries_of, entry_bundle,
    },
};

/// A file of the log of Tessera's tests.
fn tessera(path: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/tessera");
    fs::read(root.join(path)).unwrap()
}

fn tessera_key() -> VerifierKey {
    VerifierKey::parse(String::from_utf8(tessera("vkey.txt")).unwrap().trim()).unwrap()
}

/// Everything that the log says holds: the checkpoint is signed, the tile has its root, and the entries are those of the tile.
fn log_holds(size: u64, checkpoint: &[u8], tile: &[u8], bundle: &[u8]) -> bool {
    let Ok(checkpoint) = std::str::from_utf8(checkpoint) else {
        return false;
    };
    let Ok(trusted) = TrustPolicy::of(tessera_key()).verify(checkpoint) else {
        return false;
    };
    let (hashes, rest) = tile.as_chunks::<32>();
    let mut tiles = Tiles::default();
    tiles.insert(TileId { level: 0, index: 0 }, hashes.to_vec());
    let Ok(entries) = entries_of(bundle) else {
        return false;
    };
    let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    trusted.checkpoint.size == size
        && rest.is_empty()
        && root_of(&tiles, size) == Ok(trusted.checkpoint.root)
        && leaves == hashes
}

fn tessera_log(size: u64) -> [Vec<u8>; 3] {
    [
        tessera(&format!("checkpoint.{size}")),
        tessera(&format!("tile/0/000.p/{size}")),
        tessera(&format!("tile/entries/000.p/{size}")),
    ]
}

#[test]
fn a_real_signed_log_is_accepted_at_every_size() {
    for size in 1..=15 {
        let [checkpoint, tile, bundle] = tessera_log(size);
        assert!(log_holds(size, &checkpoint, &tile, &bundle), "{size}");
    }
    let policy = TrustPolicy::of(tessera_key());
    let head = |size: u64| {
        let note = String::from_utf8(tessera(&format!("checkpoint.{size}"))).unwrap();
        policy.verify(&note).unwrap().checkpoint
    };
    let mut tiles = Tiles::default();
    let tile = tessera("tile/0/000.p/15");
    tiles.insert(TileId { level: 0, index: 0 }, tile.as_chunks::<32>().0.to_vec());
    for (old, new) in (1..15).map(|old| (head(old), head(15))) {
        let proof = prove_consistency(&tiles, old.size, new.size).unwrap();
        assert_eq!(
            verify_consistency(old.size, new.size, &proof, &old.root, &new.root),
            Ok(())
        );
    }
}

#[test]
fn the_same_log_is_refused_with_any_one_byte_changed() {
    let files = tessera_log(15);
    let mut tried = 0;
    for file in 0..files.len() {
        for at in 0..files[file].len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut changed = files.clone();
                changed[file][at] ^= flip;
                let [checkpoint, tile, bundle] = &changed;
                assert!(
                    !log_holds(15, checkpoint, tile, bundle),
                    "file {file}, byte {at}, {flip:#x}"
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 1_500);
}

#[test]
fn a_truncated_log_and_the_checkpoint_of_another_size_are_refused() {
    let [checkpoint, tile, bundle] = tessera_log(15);
    assert!(!log_holds(15, &checkpoint, &tile[..tile.len() - 32], &bundle));
    assert!(!log_holds(15, &checkpoint, &tile, &bundle[..bundle.len() - 1]));
    assert!(!log_holds(15, &tessera("checkpoint.14"), &tile, &bundle));
    // Size 0 has one root, whoever signs.
    let empty = String::from_utf8(tessera("checkpoint.0")).unwrap();
    assert_eq!(
        TrustPolicy::of(tessera_key())
            .verify(&empty)
            .unwrap()
            .checkpoint
            .size,
        0
    );
}

pub(crate) fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

pub(crate) struct Signer {
    pair: KeyPair,
    pub(crate) key: VerifierKey,
}

impl Signer {
    pub(crate) fn new(who: &str, kind: KeyKind, seed: u8) -> Self {
        let pair = KeyPair::from_seed(Seed::new([seed; 32]));
        let key = VerifierKey::new(name(who), kind, *pair.pk);
        Self { pair, key }
    }

    pub(crate) fn sign(&self, text: &str) -> NoteSignature {
        NoteSignature::by(&self.key, self.pair.sk.sign(text.as_bytes(), None).to_vec())
    }

    pub(crate) fn cosign(&self, time: u64, text: &str) -> NoteSignature {
        let signature = *self.pair.sk.sign(cosigned_message(time, text).as_bytes(), None);
        Cosignature { time, signature }.note_signature(&self.key)
    }
}

/// A log of `size` entries, the proof of the one numbered `index`, and whoever trusts it with two of three witnesses.
fn witnessed(size: u64, index: u64) -> (TlogProof, TrustPolicy) {
    let log = Signer::new("log.example.org/audit", KeyKind::Note, 1);
    let witnesses =
        [2, 3, 4].map(|n| Signer::new(&format!("witness{n}.example.org"), KeyKind::Cosignature, n));
    let (mut frontier, mut tiles) = (Frontier::default(), Tiles::default());
    for entry in 0..size {
        frontier.append(leaf_hash(&entry.to_be_bytes()), |level, at, hash| {
            tiles.note(level, at, hash);
        });
    }
    let checkpoint = Checkpoint {
        origin: log.key.name().clone(),
        size,
        root: frontier.root(),
    };
    let text = checkpoint.text();
    let mut note = Note::new(text.clone(), vec![log.sign(&text)]).unwrap();
    for witness in &witnesses[..2] {
        note.sign(witness.cosign(1_795_255_200, &text));
    }
    let proof = TlogProof {
        extra: Some(b"what it is about".to_vec()),
        index,
        hashes: prove_inclusion(&tiles, index, size).unwrap(),
        checkpoint: note.to_string(),
    };
    let policy = TrustPolicy {
        log: log.key,
        witnesses: witnesses.map(|w| w.key).to_vec(),
        quorum: 2,
    };
    (proof, policy)
}

#[test]
fn a_proof_is_verified_from_its_file_alone() {
    let (proof, policy) = witnessed(1_000, 619);
    let read = TlogProof::parse(&proof.to_string()).unwrap();
    assert_eq!(read, proof);
    let trusted = read.verify(&leaf_hash(&619_u64.to_be_bytes()), &policy).unwrap();
    assert_eq!((trusted.checkpoint.size, trusted.cosigned.len()), (1_000, 2));
    assert!(read.verify(&leaf_hash(&618_u64.to_be_bytes()), &policy).is_err());
}

#[test]
fn whom_the_policy_does_not_know_proves_nothing() {
    let (proof, policy) = witnessed(10, 3);
    let leaf = leaf_hash(&3_u64.to_be_bytes());
    let with = |change: &dyn Fn(&mut TrustPolicy)| {
        let mut policy = policy.clone();
        change(&mut policy);
        proof.verify(&leaf, &policy)
    };
    assert!(with(&|policy| policy.quorum = 3).is_err());
    assert!(with(&|policy| policy.witnesses.truncate(1)).is_err());
    let foreign = Signer::new("log.example.org/audit", KeyKind::Note, 9).key;
    assert!(with(&|policy| policy.log = foreign.clone()).is_err());
    // The same key under another name is another signer: its id differs.
    let renamed = VerifierKey::new(name("log.example.net"), KeyKind::Note, *policy.log.public());
    assert!(with(&|policy| policy.log = renamed.clone()).is_err());
    // A witness's key does not vouch for a log, nor a log's key for what a witness says.
    let as_log = VerifierKey::new(
        policy.log.name().clone(),
        KeyKind::Cosignature,
        *policy.log.public(),
    );
    assert!(with(&|policy| policy.log = as_log.clone()).is_err());
}

#[test]
fn a_checkpoint_of_another_log_under_the_same_key_is_refused() {
    let log = Signer::new("log.example.org/audit", KeyKind::Note, 1);
    let text = Checkpoint {
        origin: name("log.example.org/other"),
        size: 1,
        root: [7; 32],
    }
    .text();
    let note = Note::new(text.clone(), vec![log.sign(&text)]).unwrap();
    let refused = TrustPolicy::of(log.key).verify(&note.to_string());
    assert!(matches!(refused, Err(TrustError::Origin { .. })), "{refused:?}");
}

#[test]
fn one_wrong_signature_of_a_key_that_is_known_spoils_the_note() {
    let log = Signer::new("log.example.org/audit", KeyKind::Note, 1);
    let text = Checkpoint {
        origin: log.key.name().clone(),
        size: 1,
        root: [7; 32],
    }
    .text();
    let wrong = NoteSignature::by(&log.key, vec![0; 64]);
    for signatures in [
        vec![log.sign(&text), wrong.clone()],
        vec![wrong.clone(), log.sign(&text)],
    ] {
        assert!(
            Note::new(text.clone(), signatures)
                .unwrap()
                .verify(&log.key)
                .is_err()
        );
    }
    // Somebody unknown may sign what they like.
    let unknown = NoteSignature { key_id: 1, ..wrong };
    assert!(
        Note::new(text.clone(), vec![unknown, log.sign(&text)])
            .unwrap()
            .verify(&log.key)
            .is_ok()
    );
}

#[test]
fn the_examples_of_the_specification_verify() {
    let key =
        VerifierKey::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k").unwrap();
    let note = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let parsed = Note::parse(note).unwrap();
    assert_eq!(parsed.verify(&key), Ok(()));
    assert_eq!(parsed.to_string(), note);
}

#[test]
fn what_has_not_the_form_is_refused() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    for text in [
        String::new(),
        "a\n1\n".to_owned(),
        format!("a\n01\n{root}\n"),
        format!("a\n+1\n{root}\n"),
        format!("a\n18446744073709551616\n{root}\n"),
        format!("a b\n1\n{root}\n"),
        format!("\n1\n{root}\n"),
        format!("a\n1\n{root}"),
        format!("a\n1\n{}\n", &root[..40]),
        format!("a\n1\n{root}\nextension\n"),
        format!("a\n0\n{root}\n"),
    ] {
        assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
    }
    for note in [
        "",
        "text\n",
        "text\n\n",
        "text\n\n\u{2014} a\n",
        "text\n\n- a AAAAAAA=\n",
        "te\rxt\n\n\u{2014} a AAAAAAA=\n",
    ] {
        assert!(Note::parse(note).is_err(), "{note:?}");
    }
    for key in [
        "",
        "a+b",
        "a+00000000+AQ==",
        "a+zz+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ] {
        assert!(VerifierKey::parse(key).is_err(), "{key:?}");
    }
    assert!(entry_bundle([vec![0; 65_536].as_slice()]).is_err());
    assert!(entry_bundle(vec![[].as_slice(); 257]).is_err());
    assert!(entries_of(&[0, 2, 7]).is_err());
}

proptest! {
    #[test]
    fn a_flipped_bit_anywhere_in_a_proof_is_noticed(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (mut proof, policy) = witnessed(300, 77);
        proof.extra = None;
        let mut bytes = proof.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let leaf = leaf_hash(&77_u64.to_be_bytes());
        let believed = String::from_utf8(bytes).ok().and_then(|text| TlogProof::parse(&text).ok()).is_some_and(|read| read.verify(&leaf, &policy).is_ok());
        prop_assert!(!believed);
    }

    #[test]
    fn no_text_makes_a_reader_panic_and_what_is_read_is_written_the_same(text in "(?s).{0,300}", note in "[a-z\n]{0,40}\n\n(\u{2014} [a-z]{1,5} [A-Za-z0-9+/]{8}\n){1,3}") {
        for text in [text, note] {
            if let Ok(note) = Note::parse(&text) {
                prop_assert_eq!(note.to_string(), text.clone());
            }
            let _ = (Checkpoint::parse(&text).is_ok(), VerifierKey::parse(&text).is_ok(), TlogProof::parse(&text).is_ok());
        }
    }

    #[test]
    fn entries_come_out_of_a_bundle_as_they_went_in(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20), junk in prop::collection::vec(any::<u8>(), 0..200)) {
        let bundle = entry_bundle(entries.iter().map(Vec::as_slice)).unwrap();
        let read = entries_of(&bundle).unwrap();
        prop_assert_eq!(read, entries.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let _ = entries_of(&junk);
    }
}
