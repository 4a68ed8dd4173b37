//! The witness: what it answers to what, and that nothing makes it cosign two logs in the place of one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use proptest::prelude::*;
use vutf_audit::{
    leaf_hash,
    merkle::{EMPTY_ROOT, Frontier, Hash, Tiles, prove_consistency},
    tlog::{
        Checkpoint, Cosigner, KeyKind, KeyName, Note, VerifierKey,
        witness::{
            AddCheckpoint, Cosigned, KnownLogs, MAX_REQUEST, MemoryWitness, Refusal, RequestError, Witness,
            WitnessError, WitnessStore as _,
        },
    },
};
use vutf_kernel::{Clock, Secret, Timestamp};

use crate::{
    tlog::{Signer, name},
    world::now,
};

const ORIGIN: &str = "log.example.org/audit";

/// A tree of `length` entries; from `fork` on they are others in each branch.
struct Branch {
    tiles: Tiles,
    roots: Vec<Hash>,
}

impl Branch {
    fn grow(branch: u8, fork: u64, length: u64) -> Self {
        let (mut frontier, mut tiles) = (Frontier::default(), Tiles::default());
        let mut roots = vec![EMPTY_ROOT];
        for number in 0..length {
            let salt = if number < fork { 0 } else { branch };
            let leaf = leaf_hash(&[&number.to_be_bytes(), [salt].as_slice()].concat());
            frontier.append(leaf, |level, index, hash| tiles.note(level, index, hash));
            roots.push(frontier.root());
        }
        Self { tiles, roots }
    }

    fn root(&self, size: u64) -> Hash {
        self.roots[usize::try_from(size).unwrap()]
    }

    fn proof(&self, old: u64, new: u64) -> Vec<Hash> {
        prove_consistency(&self.tiles, old, new).unwrap_or_default()
    }
}

struct Steady(AtomicI64);

impl Clock for Steady {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0.load(Ordering::Relaxed))
    }
}

struct World {
    log: Signer,
    logs: KnownLogs,
    signer: Cosigner,
    store: MemoryWitness,
    clock: Steady,
}

impl World {
    fn new() -> Self {
        let log = Signer::new(ORIGIN, KeyKind::Note, 1);
        Self {
            logs: KnownLogs::new([log.key.clone()]).unwrap(),
            log,
            signer: Cosigner::from_seed(name("witness.example.org/w"), &Secret::new([2; 32])).unwrap(),
            store: MemoryWitness::default(),
            clock: Steady(AtomicI64::new(1_795_255_200)),
        }
    }

    fn witness(&self) -> Witness<'_> {
        Witness {
            logs: &self.logs,
            signer: &self.signer,
            store: &self.store,
            clock: &self.clock,
        }
    }

    fn note(&self, size: u64, root: Hash) -> String {
        let text = Checkpoint {
            origin: name(ORIGIN),
            size,
            root,
        }
        .text();
        Note::new(text.clone(), vec![self.log.sign(&text)])
            .unwrap()
            .to_string()
    }

    fn request(&self, branch: &Branch, old: u64, new: u64) -> AddCheckpoint {
        AddCheckpoint {
            old,
            proof: branch.proof(old, new),
            checkpoint: self.note(new, branch.root(new)),
        }
    }

    fn send(&self, request: &AddCheckpoint) -> Result<Cosigned, Refusal> {
        self.send_bytes(request.to_string().as_bytes())
    }

    fn send_bytes(&self, body: &[u8]) -> Result<Cosigned, Refusal> {
        match now(self.witness().add_checkpoint(body)) {
            Ok(cosigned) => Ok(cosigned),
            Err(WitnessError::Refused(refusal)) => Err(refusal),
            Err(WitnessError::Port(error)) => panic!("{error}"),
        }
    }
}

fn status(answer: &Result<Cosigned, Refusal>) -> u16 {
    answer.as_ref().map_or_else(Refusal::status, |_| 200)
}

#[test]
fn a_log_that_grows_is_cosigned_and_the_cosignature_verifies() {
    let (world, branch) = (World::new(), Branch::grow(1, 0, 300));
    let mut old = 0;
    for new in [0, 0, 1, 2, 7, 8, 8, 255, 256, 300] {
        let cosigned = world.send(&world.request(&branch, old, new)).unwrap();
        let read = Cosigned::read(&cosigned.note().to_string(), world.signer.key()).unwrap();
        assert_eq!(read, cosigned);
        assert_eq!(
            (cosigned.checkpoint().size, cosigned.time()),
            (new, 1_795_255_200)
        );
        assert_eq!(cosigned.note().verify(&world.log.key), Ok(()));
        old = new;
    }
}

#[test]
fn each_refusal_has_the_status_of_the_specification() {
    let (world, branch) = (World::new(), Branch::grow(1, 0, 40));
    let fork = Branch::grow(2, 5, 40);
    let good = world.request(&branch, 0, 10);
    world.send(&good).unwrap();
    let with = |change: &dyn Fn(&mut AddCheckpoint)| {
        let mut request = world.request(&branch, 10, 20);
        change(&mut request);
        world.send(&request)
    };
    // 400: the form, and a proof that would lead backwards.
    assert_eq!(
        world.send_bytes(b""),
        Err(Refusal::Request(RequestError::Separator))
    );
    assert_eq!(
        status(&with(&|request| request.checkpoint = "no note\n".into())),
        400
    );
    let unreadable = |text: &str| {
        Note::new(text.to_owned(), vec![world.log.sign(text)])
            .unwrap()
            .to_string()
    };
    assert_eq!(
        with(&|request| request.checkpoint = unreadable("a\nb\n")),
        Err(Refusal::Checkpoint)
    );
    assert_eq!(with(&|request| request.old = 21), Err(Refusal::Backwards));
    assert_eq!(status(&with(&|request| request.proof = vec![[0; 32]; 64])), 400);
    // 404: somebody else's log, or an origin that no key can have.
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    for origin in ["log.example.org/other", "a log with spaces"] {
        let text = format!("{origin}\n20\n{root}\n");
        assert_eq!(
            with(&|request| request.checkpoint = unreadable(&text)),
            Err(Refusal::UnknownLog)
        );
    }
    // 403: nobody's signature, a stranger's, and a wrong one of the log beside a right one.
    let stranger = Signer::new(ORIGIN, KeyKind::Note, 9);
    let resigned = |signers: &dyn Fn(&str) -> Vec<_>| {
        let text = Note::parse(&world.note(20, branch.root(20)))
            .unwrap()
            .text()
            .to_owned();
        Note::new(text.clone(), signers(&text)).unwrap().to_string()
    };
    let strangers = resigned(&|text| vec![stranger.sign(text)]);
    assert_eq!(
        status(&with(&|request| request.checkpoint.clone_from(&strangers))),
        403
    );
    let spoiled = resigned(&|text| vec![world.log.sign(text), world.log.sign("another text")]);
    assert_eq!(
        status(&with(&|request| request.checkpoint.clone_from(&spoiled))),
        403
    );
    // A stranger beside the log is nobody's business, and not in what is kept.
    let accompanied = resigned(&|text| vec![stranger.sign(text), world.log.sign(text)]);
    let cosigned = with(&|request| request.checkpoint.clone_from(&accompanied)).unwrap();
    assert_eq!(cosigned.note().signatures().len(), 2);
    // 409: whatever else is right or wrong, the size is told.
    let conflict = Err(Refusal::Conflict { size: 20 });
    assert_eq!(world.send(&good), conflict);
    assert_eq!(world.send(&world.request(&branch, 19, 30)), conflict);
    assert_eq!(world.send(&world.request(&branch, 0, 30)), conflict);
    assert_eq!(world.send(&world.request(&branch, 25, 30)), conflict);
    // 422: a fork, another root of one size, a proof too long, and an empty tree that has entries.
    assert_eq!(status(&world.send(&world.request(&fork, 20, 30))), 422);
    assert_eq!(status(&world.send(&world.request(&fork, 20, 20))), 422);
    let mut long = world.request(&branch, 20, 30);
    long.proof.push([0; 32]);
    assert_eq!(status(&world.send(&long)), 422);
    let fresh = World::new();
    let empty = AddCheckpoint {
        old: 0,
        proof: vec![],
        checkpoint: fresh.note(0, [7; 32]),
    };
    assert_eq!(fresh.send(&empty), Err(Refusal::Empty));
    let mut needless = fresh.request(&branch, 0, 10);
    needless.proof = vec![[0; 32]];
    assert_eq!(status(&fresh.send(&needless)), 422);
    // None of it moved anything.
    assert_eq!(
        world
            .send(&world.request(&branch, 20, 40))
            .unwrap()
            .checkpoint()
            .size,
        40
    );
}

#[test]
fn evidence_of_a_fork_is_kept_once_with_both_signatures() {
    let (world, branch, fork) = (World::new(), Branch::grow(1, 0, 20), Branch::grow(2, 5, 20));
    world.send(&world.request(&branch, 0, 10)).unwrap();
    for _ in 0..3 {
        // Of the same size: proof by itself, whatever the old size.
        assert_eq!(status(&world.send(&world.request(&fork, 10, 10))), 422);
        assert_eq!(status(&world.send(&world.request(&fork, 3, 10))), 409);
        assert_eq!(status(&world.send(&world.request(&fork, 10, 20))), 422);
        // An older checkpoint of the same log is none.
        assert_eq!(status(&world.send(&world.request(&branch, 3, 7))), 409);
    }
    let evidence = world.store.evidence();
    assert_eq!(
        evidence.iter().map(|e| e.proves_fork).collect::<Vec<_>>(),
        [true, false]
    );
    for both in &evidence {
        assert_eq!(both.cosigned.verify(&world.log.key), Ok(()));
        assert_eq!(both.refused.verify(&world.log.key), Ok(()));
        assert_ne!(both.cosigned.text(), both.refused.text());
    }
}

#[test]
fn extension_lines_of_foreign_logs_are_cosigned_as_they_stand() {
    let world = World::new();
    let text = format!("{ORIGIN}\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nextension\n");
    let checkpoint = Note::new(text.clone(), vec![world.log.sign(&text)])
        .unwrap()
        .to_string();
    let cosigned = world
        .send(&AddCheckpoint {
            old: 0,
            proof: vec![],
            checkpoint,
        })
        .unwrap();
    assert_eq!(cosigned.note().text(), text);
    assert_eq!(
        Cosigned::read(&cosigned.note().to_string(), world.signer.key()),
        Ok(cosigned)
    );
}

#[test]
fn a_log_may_change_its_key_and_keep_its_name() {
    let mut world = World::new();
    let branch = Branch::grow(1, 0, 9);
    world.send(&world.request(&branch, 0, 4)).unwrap();
    let next = Signer::new(ORIGIN, KeyKind::Note, 5);
    world.logs = KnownLogs::new([world.log.key.clone(), next.key.clone()]).unwrap();
    world.log = next;
    assert_eq!(
        world
            .send(&world.request(&branch, 4, 9))
            .unwrap()
            .checkpoint()
            .size,
        9
    );
    assert_eq!(world.logs.origins().count(), 1);
    let witness = VerifierKey::new(name("w"), KeyKind::Cosignature, *world.signer.key().public());
    assert!(KnownLogs::new([witness]).is_err());
}

#[test]
fn time_in_cosignatures_never_goes_back() {
    let (world, branch) = (World::new(), Branch::grow(1, 0, 3));
    let at = |size, clock: i64| {
        world.clock.0.store(clock, Ordering::Relaxed);
        let old = now(world.store.last(&name(ORIGIN))).unwrap();
        let old = old.map_or(0, |last| last.checkpoint().size);
        world.send(&world.request(&branch, old, size)).unwrap().time()
    };
    assert_eq!([at(1, 0), at(1, 100), at(2, 40), at(3, 101)], [1, 100, 100, 101]);
}

#[test]
fn the_key_is_read_as_it_was_written_and_never_shown() {
    let signer = Cosigner::from_seed(name("witness.example.org/w"), &Secret::new([7; 32])).unwrap();
    let text = signer.skey();
    let read = Cosigner::parse(text.expose()).unwrap();
    assert_eq!(read.key(), signer.key());
    assert_eq!(read.cosign(5, "x\n"), signer.cosign(5, "x\n"));
    let secret = text.expose().rsplit('+').next().unwrap().to_owned();
    assert!(!format!("{signer:?}").contains(&secret));
    let note_key = text.expose().replace(&secret, &secret.replacen("BA", "AQ", 1));
    for wrong in [
        "",
        "PRIVATE+KEY+",
        &text.expose()[..60],
        &note_key,
        &text.expose().replace("/w", "/v"),
    ] {
        assert!(Cosigner::parse(wrong).is_err(), "{wrong}");
    }
    assert!(Cosigner::from_seed(name("w"), &Secret::new([0; 32])).is_err());
}

/// What somebody who holds the log's key can send.
#[derive(Clone, Debug)]
struct Attempt {
    branch: usize,
    old: u64,
    new: u64,
    /// 0: as it should be. 1: that of the other branch. 2: without its last hash. 3: one hash more.
    proof: u8,
    /// As old size what the witness says, as an honest client does after a 409.
    informed: bool,
}

const LONGEST: u64 = 24;

fn attempts() -> impl Strategy<Value = (u64, Vec<Attempt>)> {
    let attempt = (
        0_usize..2,
        0..=LONGEST,
        0..=LONGEST,
        0_u8..8,
        prop::bool::weighted(0.8),
    )
        .prop_map(|(branch, old, new, proof, informed)| Attempt {
            branch,
            old,
            new,
            proof,
            informed,
        });
    (0..=LONGEST, prop::collection::vec(attempt, 1..40))
}

impl Attempt {
    fn request(&self, world: &World, branches: &[Branch; 2], size: u64) -> AddCheckpoint {
        let old = if self.informed { size } else { self.old };
        let mut request = world.request(&branches[self.branch], old, self.new);
        match self.proof {
            1 => request.proof = branches[1 - self.branch].proof(old, self.new),
            2 => drop(request.proof.pop()),
            3 => request.proof.push([0; 32]),
            _ => {}
        }
        request
    }
}

/// All of them lie in one branch, and so each is the beginning of every larger one.
fn in_one_branch(branches: &[Branch; 2], cosigned: &[(u64, Hash)]) -> bool {
    branches
        .iter()
        .any(|branch| cosigned.iter().all(|(size, root)| branch.root(*size) == *root))
}

fn head(cosigned: &Cosigned) -> (u64, Hash) {
    (cosigned.checkpoint().size, cosigned.checkpoint().root)
}

proptest! {
    #[test]
    fn no_sequence_of_requests_gets_two_logs_or_a_smaller_one_cosigned((fork, attempts) in attempts()) {
        let world = World::new();
        let branches = [1, 2].map(|branch| Branch::grow(branch, fork, LONGEST));
        let mut cosigned = Vec::new();
        for attempt in attempts {
            let last = now(world.store.last(&name(ORIGIN))).unwrap();
            let request = attempt.request(&world, &branches, last.map_or(0, |last| last.checkpoint().size));
            if let Ok(next) = world.send(&request) {
                cosigned.push(head(&next));
            }
        }
        prop_assert!(in_one_branch(&branches, &cosigned), "{:?}", cosigned);
        prop_assert!(cosigned.is_sorted_by_key(|(size, _)| *size));
    }

    #[test]
    fn nor_do_requests_at_once((fork, attempts) in attempts()) {
        let world = Arc::new(World::new());
        let branches = Arc::new([1, 2].map(|branch| Branch::grow(branch, fork, LONGEST)));
        let workers: Vec<_> = attempts.chunks(10).map(|chunk| {
            let (world, branches, chunk) = (Arc::clone(&world), Arc::clone(&branches), chunk.to_vec());
            std::thread::spawn(move || {
                let mut cosigned = Vec::new();
                let mut size = 0;
                for attempt in chunk {
                    match world.send(&attempt.request(&world, &branches, size)) {
                        Ok(next) => {
                            size = next.checkpoint().size;
                            cosigned.push(head(&next));
                        }
                        Err(Refusal::Conflict { size: says }) => size = says,
                        Err(_) => {}
                    }
                }
                cosigned
            })
        }).collect();
        let cosigned: Vec<_> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        prop_assert!(in_one_branch(&branches, &cosigned), "{:?}", cosigned);
    }

    #[test]
    fn whatever_is_sent_is_answered_and_what_is_read_is_written_the_same(body in prop::collection::vec(any::<u8>(), 0..200), text in "old [0-9]{0,3}\n([A-Za-z0-9+/]{43}=\n){0,3}\n?[a-z\n]{0,20}") {
        let world = World::new();
        for body in [body.as_slice(), text.as_bytes()] {
            if let Ok(read) = AddCheckpoint::parse(body) {
                prop_assert_eq!(read.to_string().into_bytes(), body);
            }
            prop_assert!(world.send_bytes(body).is_err());
            let _ = std::str::from_utf8(body).map(|text| (Cosigned::read(text, world.signer.key()).is_err(), Cosigner::parse(text).is_err()));
        }
    }

    #[test]
    fn a_byte_that_is_changed_in_a_request_is_never_cosigned_as_another_checkpoint(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let (world, branch) = (World::new(), Branch::grow(1, 0, 9));
        world.send(&world.request(&branch, 0, 4)).unwrap();
        let mut body = world.request(&branch, 4, 9).to_string().into_bytes();
        let at = at.index(body.len());
        body[at] ^= flip;
        if let Ok(cosigned) = world.send_bytes(&body) {
            prop_assert_eq!(head(&cosigned), (9, branch.root(9)));
        }
    }
}

#[test]
fn a_request_is_no_longer_than_it_may_be() {
    let body = vec![b'a'; MAX_REQUEST + 1];
    assert_eq!(AddCheckpoint::parse(&body), Err(RequestError::TooLong));
}

#[test]
fn logs_do_not_touch_one_another() {
    let world = World::new();
    let logs: BTreeMap<u8, Signer> = (1..4)
        .map(|n| (n, Signer::new(&format!("log{n}.example.org"), KeyKind::Note, n)))
        .collect();
    let known = KnownLogs::new(logs.values().map(|log| log.key.clone())).unwrap();
    let witness = Witness {
        logs: &known,
        ..world.witness()
    };
    for (n, log) in &logs {
        let branch = Branch::grow(*n, 0, u64::from(*n));
        let (size, origin): (u64, KeyName) = (u64::from(*n), log.key.name().clone());
        let text = Checkpoint {
            origin,
            size,
            root: branch.root(size),
        }
        .text();
        let checkpoint = Note::new(text.clone(), vec![log.sign(&text)])
            .unwrap()
            .to_string();
        let request = AddCheckpoint {
            old: 0,
            proof: vec![],
            checkpoint,
        };
        now(witness.add_checkpoint(request.to_string().as_bytes())).unwrap();
    }
    for (n, log) in &logs {
        let last = now(world.store.last(log.key.name())).unwrap().unwrap();
        assert_eq!(last.checkpoint().size, u64::from(*n));
    }
}
