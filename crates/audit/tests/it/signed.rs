//! A log with signed checkpoints: what is placed is signed, what does not go on from what was signed is refused, and a bundle of
//! it is verified by the public key alone.

use std::{collections::BTreeMap, time::Duration};

use ed25519_compact::{KeyPair, Seed};
use proptest::prelude::*;
use vutf_audit::{
    Access, AdvanceHead, Batch, CheckpointSigner, Edge, Expected, FindingKind, MemoryLog, NotedHead,
    SequenceError, Sequencing, TreeReader, Under, advance_signed,
    bundle::{BundleFault, CHECKPOINT, CHECKPOINTS, KEYS, README, verify_bundle, write_bundle},
    leaf_hash,
    memory::Rows,
    merkle::{TileId, verify_consistency},
    prove::{consistency, prove, tile},
    sequence_after,
    tlog::{Checkpoint, KeyKind, KeyName, Note, NoteSignature, TlogProof, TrustPolicy, VerifierKey},
    verify_expecting,
};
use vutf_kernel::{Actor, Ctx, OrganizationId, PortError, RequestId, Timestamp};

use crate::world::{T0, append, event, lease, log_of, now};

pub(crate) struct TestSigner {
    name: KeyName,
    pairs: Vec<KeyPair>,
}

impl TestSigner {
    pub(crate) fn new(seed: u8) -> Self {
        Self::named("example.org/log", &[seed])
    }

    fn named(name: &str, seeds: &[u8]) -> Self {
        Self {
            name: KeyName::parse(name).unwrap(),
            pairs: seeds
                .iter()
                .map(|seed| KeyPair::from_seed(Seed::new([*seed; 32])))
                .collect(),
        }
    }

    fn vkey(&self, pair: &KeyPair) -> VerifierKey {
        VerifierKey::new(self.name.clone(), KeyKind::Note, *pair.pk)
    }

    pub(crate) fn newest(&self) -> VerifierKey {
        self.vkey(self.pairs.last().unwrap())
    }
}

impl CheckpointSigner for TestSigner {
    fn origin(&self) -> &KeyName {
        &self.name
    }
    fn sign(&self, text: &str) -> Result<Vec<NoteSignature>, PortError> {
        let pair = self.pairs.last().unwrap();
        let signature = pair.sk.sign(text, None);
        Ok(vec![NoteSignature::by(&self.vkey(pair), signature.to_vec())])
    }
    fn verifiers(&self) -> Result<Vec<VerifierKey>, PortError> {
        Ok(self.pairs.iter().map(|pair| self.vkey(pair)).collect())
    }
}

fn how(signer: &TestSigner, noted: Option<&NotedHead>, at: Timestamp) -> Sequencing<'static> {
    // Leaked: a signer that lives as long as the test is simplest, and a test's memory is small.
    let signer: &'static TestSigner = Box::leak(Box::new(TestSigner::named(
        signer.name.as_str(),
        &signer.pairs.iter().map(|pair| pair.sk[0]).collect::<Vec<_>>(),
    )));
    Sequencing {
        limit: 64,
        noted: noted.map(|noted| noted.anchor),
        signer: Some(signer),
        keep_every: Duration::from_secs(10),
        now: at,
    }
}

async fn place(log: &MemoryLog, signer: &TestSigner, edge: &mut Edge, at: Timestamp) -> Option<NotedHead> {
    let lease = lease(log).await;
    match sequence_after(log, &lease, &how(signer, None, at), edge)
        .await
        .unwrap()
    {
        Batch::Placed(_, head) => head,
        Batch::Behind => panic!("nobody else places"),
    }
}

/// `n` events, a checkpoint each, one kept every ten seconds; `steps` apart.
async fn signed_log(n: u32, signer: &TestSigner) -> (MemoryLog, NotedHead) {
    let log = MemoryLog::unsealed();
    let (mut edge, mut head) = (Edge::default(), None);
    let mut i = 0;
    while i < n {
        for _ in 0..17.min(n - i) {
            append(&log, event(i)).await;
            i += 1;
        }
        head = place(
            &log,
            signer,
            &mut edge,
            T0.plus(Duration::from_secs(u64::from(i))),
        )
        .await;
    }
    (log, head.unwrap())
}

fn checkpoint_of(head: &NotedHead, signer: &TestSigner) -> Checkpoint {
    let policy = TrustPolicy::of(signer.newest());
    policy.verify(head.note.as_ref().unwrap()).unwrap().checkpoint
}

/// Changes the first symbol of a note's root, which stands on the third line.
fn spoil_root(note: &mut String) {
    let at = note.match_indices('\n').nth(1).unwrap().0 + 1;
    let other = if note[at..].starts_with('A') { "B" } else { "A" };
    note.replace_range(at..=at, other);
}

fn findings(log: &MemoryLog, signer: &TestSigner, known: &[Checkpoint]) -> Option<(i64, FindingKind)> {
    let keys = signer.verifiers().unwrap();
    let expected = Expected {
        anchors: &[],
        keys: &keys,
        checkpoints: known,
    };
    let report = now(verify_expecting(log, expected, &mut |_| {})).unwrap();
    report.first_bad.map(|found| (found.seq, found.kind))
}

#[test]
fn each_batch_leaves_a_signed_head_and_the_tree_of_all_entries() {
    let signer = TestSigner::new(1);
    for n in [1, 2, 255, 256, 257, 700] {
        let (log, head) = now(signed_log(n, &signer));
        let checkpoint = checkpoint_of(&head, &signer);
        assert_eq!(checkpoint.size, u64::from(n));
        assert_eq!(findings(&log, &signer, std::slice::from_ref(&checkpoint)), None);
        let rows = log.tamper(|rows| (rows.nodes.len(), rows.checkpoints.len()));
        assert_eq!(rows.0, (n / 256) as usize);
        assert!(
            rows.1 <= 1 + (n / 10) as usize,
            "kept every ten seconds: {}",
            rows.1
        );
        // A sequencer that begins anew, without memory, goes on from the same tree.
        now(append(&log, event(n)));
        let next = now(place(&log, &signer, &mut Edge::default(), T0)).unwrap();
        let next = checkpoint_of(&next, &signer);
        assert_eq!(next.size, u64::from(n) + 1);
        let proof = now(vutf_audit::tree::consistency_proof(
            &log,
            checkpoint.size,
            next.size,
        ))
        .unwrap();
        verify_consistency(checkpoint.size, next.size, &proof, &checkpoint.root, &next.root).unwrap();
        assert_eq!(findings(&log, &signer, &[checkpoint, next]), None);
    }
}

#[test]
fn a_log_that_was_placed_without_checkpoints_is_signed_by_the_next_batch_without_events() {
    let signer = TestSigner::new(2);
    let log = now(log_of(300));
    let head = now(place(&log, &signer, &mut Edge::default(), T0)).unwrap();
    assert_eq!(checkpoint_of(&head, &signer).size, 300);
    let again = now(place(&log, &signer, &mut Edge::default(), T0)).unwrap();
    assert_eq!(again, head, "the same head is signed once");
}

#[test]
fn what_does_not_go_on_from_what_was_signed_is_not_signed() {
    type Change = fn(&mut Rows);
    let changes: [(&str, FindingKind, Change); 6] = [
        ("another signature", FindingKind::CheckpointChanged, |rows| {
            let latest = rows.latest.as_mut().unwrap();
            latest.note = TestSigner::new(9).resign(&latest.note);
        }),
        (
            "a checkpoint of another log",
            FindingKind::CheckpointChanged,
            |rows| {
                let latest = rows.latest.as_mut().unwrap();
                let other = TestSigner::named("example.org/other", &[1]);
                latest.note = other.resign(&latest.note.replace("example.org/log", "example.org/other"));
            },
        ),
        (
            "an older root at this size",
            FindingKind::CheckpointChanged,
            |rows| {
                rows.leaves.last_mut().unwrap().leaf_hash[0] ^= 1;
            },
        ),
        ("a node", FindingKind::CheckpointChanged, |rows| {
            rows.nodes[0].hash[3] ^= 1;
        }),
        ("a node that is gone", FindingKind::NodeChanged, |rows| {
            rows.nodes.remove(0);
        }),
        ("no text", FindingKind::CheckpointChanged, |rows| {
            rows.latest.as_mut().unwrap().note.clear();
        }),
    ];
    let signer = TestSigner::new(1);
    for (name, kind, change) in changes {
        let (log, _) = now(signed_log(600, &signer));
        now(append(&log, event(7)));
        log.tamper(change);
        let lease = now(lease(&log));
        let placed = now(sequence_after(
            &log,
            &lease,
            &how(&signer, None, T0),
            &mut Edge::default(),
        ));
        let Err(SequenceError::Tampered(found)) = placed else {
            panic!("{name}: it goes on")
        };
        assert_eq!(found.kind, kind, "{name}: {found}");
        assert_eq!(
            log.tamper(|rows| rows.leaves.len()),
            600,
            "{name}: nothing is placed"
        );
    }
}

impl TestSigner {
    /// The same text under this key.
    fn resign(&self, note: &str) -> String {
        let text = note.split_once("\n\n").unwrap().0.to_owned() + "\n";
        let signatures = self.sign(&text).unwrap();
        Note::new(text, signatures).unwrap().to_string()
    }
}

#[test]
fn a_noted_head_moves_on_by_what_was_signed_and_over_nothing_else() {
    type Change = fn(&mut Rows);
    let signer = TestSigner::new(1);
    let keys = signer.verifiers().unwrap();
    let (log, noted) = now(signed_log(300, &signer));
    let mut edge = Edge::default();
    for i in 0..90 {
        now(append(&log, event(i)));
    }
    now(place(&log, &signer, &mut edge, T0));
    let head = now(place(&log, &signer, &mut edge, T0)).unwrap();
    let moved = |log: &MemoryLog, noted: &NotedHead| now(advance_signed(log, Some(noted), &keys)).unwrap();
    assert_eq!(moved(&log, &noted), AdvanceHead::To(Some(head.clone())));
    assert_eq!(moved(&log, &head), AdvanceHead::To(Some(head.clone())));
    let AdvanceHead::Found(found) = moved(&now(signed_log(200, &signer)).0, &noted) else {
        panic!("a shorter log is another log")
    };
    assert_eq!((found.seq, found.kind), (200, FindingKind::LeafMissing));
    let changes: [(FindingKind, Change); 3] = [
        (FindingKind::AnchorMismatch, |rows| {
            rows.latest.as_mut().unwrap().note = forked(rows, 10);
        }),
        (FindingKind::CheckpointChanged, |rows| {
            rows.leaves[380].leaf_hash[0] ^= 1;
        }),
        (FindingKind::CheckpointChanged, |rows| rows.latest = None),
    ];
    for (kind, change) in changes {
        let copy = now(signed_log(300, &signer)).0;
        let rows = log.tamper(|rows| rows.clone());
        copy.tamper(|place| *place = rows);
        copy.tamper(change);
        let AdvanceHead::Found(found) = moved(&copy, &noted) else {
            panic!("{kind} goes unseen")
        };
        assert!(
            found.kind == kind || found.kind == FindingKind::CheckpointChanged,
            "{kind}: {found}"
        );
    }
}

/// A checkpoint that the log's own key signed over a log in which one leaf is another: what somebody with the key could do.
fn forked(rows: &mut Rows, seq: usize) -> String {
    if let Some(leaf) = rows.leaves.get_mut(seq) {
        leaf.leaf_hash[0] ^= 1;
    }
    let mut tree = vutf_audit::merkle::Frontier::default();
    rows.nodes.clear();
    let nodes = &mut rows.nodes;
    for leaf in &rows.leaves {
        tree.append(leaf.leaf_hash, |level, index, hash| {
            if level == 8 {
                nodes.push(vutf_audit::TreeNode {
                    level: 1,
                    index,
                    hash: *hash,
                });
            }
        });
    }
    let signed =
        vutf_audit::tree::sign_checkpoint(&TestSigner::new(1), tree.size(), tree.root(), 1, T0).unwrap();
    signed.note
}

#[test]
fn whatever_is_changed_in_tree_and_checkpoints_is_named() {
    type Change = fn(&mut Rows);
    let signer = TestSigner::new(1);
    let changes: [(&str, (i64, FindingKind), Change); 12] = [
        ("a node", (255, FindingKind::NodeChanged), |rows| {
            rows.nodes[0].hash[0] ^= 1;
        }),
        ("a node gone", (511, FindingKind::NodeChanged), |rows| {
            rows.nodes.remove(1);
        }),
        ("a node too many", (767, FindingKind::NodeChanged), |rows| {
            let mut node = rows.nodes[1];
            node.index = 2;
            rows.nodes.push(node);
        }),
        (
            "a node of a level too many",
            (65_535, FindingKind::NodeChanged),
            |rows| {
                let mut node = rows.nodes[1];
                (node.level, node.index) = (2, 0);
                rows.nodes.push(node);
            },
        ),
        (
            "a kept checkpoint",
            (33, FindingKind::CheckpointChanged),
            |rows| {
                spoil_root(&mut rows.checkpoints[1].note);
            },
        ),
        (
            "two kept checkpoints exchanged",
            (16, FindingKind::CheckpointChanged),
            |rows| {
                let note = rows.checkpoints[0].note.clone();
                rows.checkpoints[0].note = std::mem::replace(&mut rows.checkpoints[1].note, note);
            },
        ),
        (
            "a kept checkpoint beyond the end",
            (599, FindingKind::LeafMissing),
            |rows| {
                rows.leaves.pop();
                rows.latest = None;
            },
        ),
        (
            "the newest checkpoint",
            (599, FindingKind::CheckpointChanged),
            |rows| {
                let latest = rows.latest.as_mut().unwrap();
                latest.note = TestSigner::new(9).resign(&latest.note);
            },
        ),
        (
            "an older newest checkpoint under this size",
            (599, FindingKind::CheckpointChanged),
            |rows| {
                rows.latest.as_mut().unwrap().note = rows.checkpoints[3].note.clone();
            },
        ),
        (
            "an older checkpoint as the newest, with the number of those that are kept",
            (67, FindingKind::CheckpointChanged),
            |rows| {
                let kept = rows.latest.as_ref().unwrap().kept;
                let older = rows.checkpoints[3].clone();
                rows.latest = Some(vutf_audit::SignedCheckpoint { kept, ..older });
            },
        ),
        (
            "the newest checkpoint under a size beyond the end",
            (599, FindingKind::CheckpointChanged),
            |rows| rows.latest.as_mut().unwrap().size = 10_000,
        ),
        (
            "the cursors of two entries exchanged, so that each agrees with its event",
            (301, FindingKind::CursorChanged),
            |rows| {
                let (a, b) = (rows.leaves[300].cursor, rows.leaves[400].cursor);
                (rows.leaves[300].cursor, rows.leaves[400].cursor) = (b, a);
                rows.cursors.insert(rows.leaves[300].event_id, b);
                rows.cursors.insert(rows.leaves[400].event_id, a);
            },
        ),
    ];
    for (name, expected, change) in changes {
        let (log, head) = now(signed_log(600, &signer));
        let known = [checkpoint_of(&head, &signer)];
        assert_eq!(findings(&log, &signer, &known), None);
        log.tamper(change);
        assert_eq!(findings(&log, &signer, &known), Some(expected), "{name}");
    }
}

/// Signatures and all, it is consistent in itself: only what was noted elsewhere tells.
#[test]
fn a_log_that_is_rolled_back_as_a_whole_is_named() {
    let signer = TestSigner::new(1);
    let (older, _) = now(signed_log(400, &signer));
    let (_, head) = now(signed_log(600, &signer));
    assert_eq!(findings(&older, &signer, &[]), None);
    let known = [checkpoint_of(&head, &signer)];
    assert_eq!(
        findings(&older, &signer, &known),
        Some((400, FindingKind::LeafMissing))
    );
}

/// In the database it may be older than it was: what was noted says how far it had come.
#[test]
fn a_newest_checkpoint_that_is_older_than_the_noted_one_is_told() {
    let signer = TestSigner::new(1);
    let (log, head) = now(signed_log(600, &signer));
    let last = log.tamper(|rows| {
        let last = rows.checkpoints.last().unwrap().clone();
        rows.latest = Some(last.clone());
        last
    });
    assert!(last.size < 600);
    assert_eq!(
        findings(&log, &signer, &[]),
        None,
        "as if the rest had been placed without one"
    );
    let known = [checkpoint_of(&head, &signer)];
    let seq = i64::try_from(last.size).unwrap() - 1;
    let expected = Some((seq, FindingKind::CheckpointChanged));
    assert_eq!(findings(&log, &signer, &known), expected);
}

type Files = BTreeMap<String, Vec<u8>>;

fn bundle(n: u32, signer: &TestSigner) -> Files {
    let (log, _) = now(signed_log(n, signer));
    let mut files = Files::new();
    let keys = signer.verifiers().unwrap();
    let head = now(write_bundle(&log, None, &keys, &mut files, &mut |_| {})).unwrap();
    assert_eq!(head.size, u64::from(n));
    files
}

fn verified(files: &Files, signer: &TestSigner) -> Result<u64, BundleFault> {
    let keys = signer.verifiers().unwrap();
    let policy = TrustPolicy::of(signer.newest());
    let report = verify_bundle(&mut files.clone(), &policy, &keys, &mut |_| {})?;
    Ok(report.entries)
}

#[test]
fn a_bundle_is_verified_by_the_public_key_alone() {
    let signer = TestSigner::new(1);
    for n in [1, 256, 700] {
        let files = bundle(n, &signer);
        assert_eq!(verified(&files, &signer).unwrap(), u64::from(n));
        let stranger = verified(&files, &TestSigner::new(2));
        assert!(matches!(stranger, Err(BundleFault::Trust(_))), "{stranger:?}");
        let other = verified(&files, &TestSigner::named("example.org/other", &[1]));
        assert!(matches!(other, Err(BundleFault::Trust(_))), "{other:?}");
    }
}

#[test]
fn a_log_whose_key_was_succeeded_is_verified_with_both_keys() {
    let before = TestSigner::new(1);
    let after = TestSigner::named("example.org/log", &[1, 2]);
    let (log, _) = now(signed_log(40, &before));
    now(append(&log, event(1)));
    now(place(
        &log,
        &after,
        &mut Edge::default(),
        T0.plus(Duration::from_secs(500)),
    ))
    .unwrap();
    let mut files = Files::new();
    now(write_bundle(
        &log,
        None,
        &after.verifiers().unwrap(),
        &mut files,
        &mut |_| {},
    ))
    .unwrap();
    assert_eq!(verified(&files, &after).unwrap(), 41);
    let alone = verified(&files, &TestSigner::new(2));
    assert!(
        matches!(&alone, Err(BundleFault::File { path, .. }) if path == CHECKPOINTS),
        "{alone:?}"
    );
}

#[test]
fn every_file_of_a_bundle_is_needed() {
    let signer = TestSigner::new(1);
    let files = bundle(600, &signer);
    for name in files.keys().filter(|name| *name != README) {
        let mut fewer = files.clone();
        fewer.remove(name);
        let fault = verified(&fewer, &signer).unwrap_err();
        assert!(
            matches!(&fault, BundleFault::File { path, .. } if path == name),
            "{name}: {fault}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_bundle_with_any_bit_changed_any_byte_cut_off_or_added_is_refused(
        which in any::<proptest::sample::Index>(), at in any::<proptest::sample::Index>(), bit in 0_u8..8, how in 0..3,
    ) {
        let signer = TestSigner::new(1);
        let files = bundle(300, &signer);
        let names: Vec<&String> = files.keys().filter(|name| *name != README && !files[*name].is_empty()).collect();
        let name = names[which.index(names.len())].clone();
        let mut changed = files.clone();
        let content = changed.get_mut(&name).unwrap();
        match how {
            0 => { let at = at.index(content.len()); content[at] ^= 1 << bit; }
            1 => { content.pop(); }
            _ => content.push(b'\n'),
        }
        // A key whose last line feed is cut off is the same key.
        if name != KEYS || how == 0 {
            prop_assert!(verified(&changed, &signer).is_err(), "{name}");
        }
    }

    #[test]
    fn any_bytes_as_a_bundle_are_refused(content in proptest::collection::vec(any::<u8>(), 0..300)) {
        let signer = TestSigner::new(1);
        let files = bundle(3, &signer);
        for name in [CHECKPOINT, CHECKPOINTS, "tile/entries/000.p/3", "tile/0/000.p/3"] {
            let mut changed = files.clone();
            changed.insert(name.to_owned(), content.clone());
            if changed != files && !(name == CHECKPOINTS && content.is_empty()) {
                prop_assert!(verified(&changed, &signer).is_err(), "{name}");
            }
        }
    }
}

struct Nobody;

#[async_trait::async_trait]
impl vutf_kernel::EventRecorder for Nobody {
    async fn record(&self, _: vutf_kernel::Event) -> Result<(), PortError> {
        Ok(())
    }
}

#[test]
fn an_event_is_proved_by_a_file_that_verifies_with_entry_and_key_alone() {
    let signer = TestSigner::new(1);
    let (log, head) = now(signed_log(600, &signer));
    let ambient = vutf_kernel::Ambient::system();
    let access = Access {
        reader: &log,
        recorder: &Nobody,
        ambient: &ambient,
    };
    let ctx = Ctx::internal(
        OrganizationId::DEFAULT,
        Actor::Operator,
        RequestId::parse("r").unwrap(),
    );
    let policy = TrustPolicy::of(signer.newest());
    for seq in [0, 255, 256, 599] {
        let id = log.tamper(|rows| rows.leaves[seq].event_id);
        let shown = now(prove(&ctx, access, id, Under::Newest)).unwrap();
        let text = shown.proof.to_string();
        let read = TlogProof::parse(&text).unwrap();
        let leaf = leaf_hash(&shown.record.intake.body);
        assert_eq!(
            read.verify(&leaf, &policy).unwrap().checkpoint,
            checkpoint_of(&head, &signer)
        );
        let mut forged = shown.record.intake.body.clone();
        forged[10] ^= 1;
        assert!(read.verify(&leaf_hash(&forged), &policy).is_err());
        assert!(
            read.verify(&leaf, &TrustPolicy::of(TestSigner::new(2).newest()))
                .is_err()
        );
    }
    now(append(&log, event(1)));
    let pending = log.tamper(|rows| rows.intake.last().unwrap().id);
    assert_eq!(
        now(prove(&ctx, access, pending, Under::Newest))
            .unwrap_err()
            .code(),
        "not_sequenced"
    );
    for (from, to) in [(0, None), (5, Some(4)), (1, Some(601)), (601, None)] {
        assert_eq!(
            now(consistency(&ctx, access, from, to)).unwrap_err().code(),
            "tree_sizes"
        );
    }
    let shown = now(consistency(&ctx, access, 300, None)).unwrap();
    let old = now(vutf_audit::tree::root(&log, 300)).unwrap();
    let new = checkpoint_of(&head, &signer).root;
    verify_consistency(300, 600, &shown.hashes, &old, &new).unwrap();
    let hashes = now(tile(&ctx, access, TileId { level: 0, index: 2 }, 88)).unwrap();
    assert_eq!(hashes.len(), 88 * 32);
    assert!(now(tile(&ctx, access, TileId { level: 0, index: 2 }, 89)).is_err());
    assert!(now(log.latest()).unwrap().is_some());
}
