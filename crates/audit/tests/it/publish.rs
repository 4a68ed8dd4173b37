//! The log's side of witnessing, against the witness of this crate and against worse ones.

use std::sync::Mutex;

use async_trait::async_trait;
use vutf_audit::{
    leaf_hash,
    merkle::Hash,
    tlog::{
        Cosigner, KeyKind, Note, TrustPolicy,
        publish::{
            Conflict, Cosignatures as _, KeptCosignature, MemoryCosignatures, MemoryPublished,
            PublishedLog as _, SignedHead, SubmitError, Submitted, WitnessAnswer, WitnessCall,
            cosigned_checkpoint, cosigned_note, quorum_size, submit,
        },
        witness::{AddCheckpoint, KnownLogs, MemoryWitness, Refusal, Witness, WitnessError},
    },
};
use vutf_kernel::{Fault, PortError, Secret, SystemClock};

use crate::{
    tlog::{Signer, name},
    world::now,
};

const ORIGIN: &str = "log.example.org/audit";

fn leaves(from: u64, to: u64, salt: u8) -> Vec<Hash> {
    (from..to)
        .map(|n| leaf_hash(&[&n.to_be_bytes(), [salt].as_slice()].concat()))
        .collect()
}

fn log() -> MemoryPublished {
    let signer = Signer::new(ORIGIN, KeyKind::Note, 1);
    MemoryPublished::new(name(ORIGIN), move |text| {
        Note::new(text.to_owned(), vec![signer.sign(text)])
            .unwrap()
            .to_string()
    })
}

/// A witness in this process.
struct Near {
    logs: KnownLogs,
    signer: Cosigner,
    store: MemoryWitness,
    asked: Mutex<Vec<u64>>,
}

impl Near {
    fn new(number: u8) -> Self {
        let logs = KnownLogs::new([Signer::new(ORIGIN, KeyKind::Note, 1).key]).unwrap();
        let signer = Cosigner::from_seed(name(&format!("w{number}")), &Secret::new([number; 32])).unwrap();
        Self {
            logs,
            signer,
            store: MemoryWitness::default(),
            asked: Mutex::default(),
        }
    }

    fn submit(&self, log: &MemoryPublished, known: u64) -> Result<Submitted, SubmitError> {
        now(submit(log, &latest(log), self.signer.key(), known, self))
    }

    fn asked(&self) -> Vec<u64> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl WitnessCall for Near {
    async fn add_checkpoint(&self, request: String) -> Result<WitnessAnswer, PortError> {
        self.asked
            .lock()
            .unwrap()
            .push(AddCheckpoint::parse(request.as_bytes()).unwrap().old);
        let witness = Witness {
            logs: &self.logs,
            signer: &self.signer,
            store: &self.store,
            clock: &SystemClock,
        };
        let (status, body) = match witness.add_checkpoint(request.as_bytes()).await {
            Ok(cosigned) => (200, cosigned.note().signatures().last().unwrap().line()),
            // As the listener answers them.
            Err(WitnessError::Refused(Refusal::Conflict { size })) => (409, format!("{size}\n")),
            Err(WitnessError::Refused(refusal)) => (refusal.status(), refusal.to_string()),
            Err(WitnessError::Port(error)) => return Err(error),
        };
        Ok(WitnessAnswer {
            status,
            body: body.into_bytes(),
        })
    }
}

/// Answers the same whatever is asked.
struct Always(Result<(u16, &'static str), ()>);

#[async_trait]
impl WitnessCall for Always {
    async fn add_checkpoint(&self, _: String) -> Result<WitnessAnswer, PortError> {
        let gone = |()| PortError::new("witness.call", Fault::Unreachable, "nobody is there");
        let (status, body) = self.0.map_err(gone)?;
        Ok(WitnessAnswer {
            status,
            body: body.as_bytes().to_vec(),
        })
    }
}

fn latest(log: &MemoryPublished) -> SignedHead {
    SignedHead::read(&now(log.newest_checkpoint()).unwrap().unwrap()).unwrap()
}

#[test]
fn each_checkpoint_is_cosigned_and_a_witness_that_knows_more_or_less_is_asked_twice() {
    let (log, witness) = (log(), Near::new(2));
    log.append(leaves(0, 10, 0));
    let first = witness.submit(&log, 0).unwrap();
    assert_eq!((first.cosignature.size, witness.asked()), (10, vec![0]));
    log.append(leaves(10, 300, 0));
    assert_eq!(witness.submit(&log, 10).unwrap().cosignature.size, 300);
    assert_eq!(witness.asked(), [10]);
    // The cosignature was lost on its way: nobody here knows of it.
    log.append(leaves(300, 301, 0));
    assert_eq!(witness.submit(&log, 0).unwrap().forgot, None);
    assert_eq!(witness.asked(), [0, 300]);
    // The same checkpoint once more.
    assert_eq!(witness.submit(&log, 301).unwrap().cosignature.size, 301);
    assert_eq!(witness.asked(), [301]);
}

#[test]
fn what_contradicts_the_log_is_told_apart() {
    let (honest, witness) = (log(), Near::new(2));
    honest.append(leaves(0, 10, 0));
    let fork = honest.fork();
    witness.submit(&honest, 0).unwrap();
    honest.append(leaves(10, 20, 0));
    fork.append(leaves(10, 15, 1));
    witness.submit(&honest, 10).unwrap();
    // Another log under our key: the witness has cosigned more than it ever signed.
    let ahead = witness.submit(&fork, 10).unwrap_err();
    assert!(
        matches!(ahead, SubmitError::Conflict(Conflict::Ahead { size: 20 })),
        "{ahead}"
    );
    fork.append(leaves(15, 30, 1));
    let forked = witness.submit(&fork, 10).unwrap_err();
    assert!(
        matches!(forked, SubmitError::Conflict(Conflict::Fork { size: 20 })),
        "{forked}"
    );
    // An older memory of the witness: its word is broken, and the log's is not.
    let older = Near::new(2);
    let forgot = older.submit(&honest, 20).unwrap();
    assert_eq!(
        forgot.forgot,
        Some(Conflict::Forgot {
            cosigned: 20,
            says: 0
        })
    );
    assert_eq!(forgot.cosignature.size, 20);
    // A newer checkpoint of ours was cosigned while this one was under way.
    let stale = latest(&honest);
    honest.append(leaves(20, 40, 0));
    witness.submit(&honest, 20).unwrap();
    let superseded = now(submit(&honest, &stale, witness.signer.key(), 20, &witness)).unwrap_err();
    assert!(matches!(superseded, SubmitError::Superseded), "{superseded}");
}

#[test]
fn no_answer_is_believed_that_does_not_verify() {
    let log = log();
    log.append(leaves(0, 10, 0));
    let (head, near) = (latest(&log), Near::new(2));
    let other = Near::new(3);
    let foreign = other.submit(&log, 0).unwrap().cosignature.line;
    let foreign: &'static str = Box::leak(foreign.into_boxed_str());
    let earlier = self::log();
    earlier.append(leaves(0, 9, 0));
    let of_another = near.submit(&earlier, 0).unwrap().cosignature.line;
    let of_another: &'static str = Box::leak(of_another.into_boxed_str());
    let ask = |answer| now(submit(&log, &head, near.signer.key(), 4, &Always(answer))).unwrap_err();
    for body in ["", "\n", "nonsense\n", foreign, of_another] {
        assert!(matches!(ask(Ok((200, body))), SubmitError::Answer(_)), "{body}");
    }
    for body in ["", "7", "07\n", "-1\n", "7\n7\n", "99999999999999999999\n"] {
        assert!(matches!(ask(Ok((409, body))), SubmitError::Answer(_)), "{body}");
    }
    // It never ends: one proof is made, and no more.
    assert!(matches!(ask(Ok((409, "7\n"))), SubmitError::Answer(_)));
    for status in [400, 403, 404] {
        assert!(
            matches!(ask(Ok((status, ""))), SubmitError::Refused(_)),
            "{status}"
        );
    }
    assert!(matches!(
        ask(Ok((422, ""))),
        SubmitError::Conflict(Conflict::Fork { size: 4 })
    ));
    for status in [302, 500, 503] {
        assert!(
            matches!(ask(Ok((status, ""))), SubmitError::Failing(_)),
            "{status}"
        );
    }
    assert!(matches!(ask(Err(())), SubmitError::Away(_)));
}

#[test]
fn a_served_checkpoint_carries_what_a_verifier_asks_for() {
    let (log, kept) = (log(), MemoryCosignatures::default());
    log.append(leaves(0, 10, 0));
    let witnesses = [2, 3, 4].map(Near::new);
    for witness in &witnesses[..2] {
        now(kept.keep(&witness.submit(&log, 0).unwrap().cosignature)).unwrap();
    }
    let keys = || {
        witnesses
            .iter()
            .map(|witness| witness.signer.key().clone())
            .collect::<Vec<_>>()
    };
    let signed = latest(&log).note;
    let mut of_size = now(kept.of_size(10)).unwrap();
    let served = cosigned_note(&signed, &of_size, &keys()).unwrap();
    let policy = |quorum| TrustPolicy {
        log: Signer::new(ORIGIN, KeyKind::Note, 1).key,
        witnesses: keys(),
        quorum,
    };
    assert_eq!(policy(2).verify(&served).unwrap().cosigned.len(), 2);
    assert!(policy(3).verify(&served).is_err());
    assert!(policy(1).verify(&signed).is_err());
    assert_eq!(
        now(cosigned_checkpoint(&kept, 10, &keys())).unwrap(),
        Some(served)
    );
    assert_eq!(now(cosigned_checkpoint(&kept, 9, &keys())).unwrap(), None);
    assert_eq!(now(cosigned_checkpoint(&kept, 10, &keys()[2..])).unwrap(), None);
    // One line that was spoilt in the store must not spoil the note.
    of_size[0].line = of_size[0].line.replace('A', "B");
    let served = cosigned_note(&signed, &of_size, &keys()).unwrap();
    assert_eq!(policy(1).verify(&served).unwrap().cosigned.len(), 1);
}

fn cosigned_at(log: &MemoryPublished, key: u8) -> KeptCosignature {
    Near::new(key).submit(log, 0).unwrap().cosignature
}

#[test]
fn a_quorum_is_reached_at_one_size() {
    let keys: Vec<_> = [2, 3, 4].map(|n| Near::new(n).signer.key().clone()).into();
    let log = log();
    log.append(leaves(0, 5, 0));
    let mut all: Vec<_> = [2, 3, 4].map(|key| cosigned_at(&log, key)).into();
    log.append(leaves(5, 8, 0));
    all.extend([2, 3].map(|key| cosigned_at(&log, key)));
    log.append(leaves(8, 9, 0));
    all.extend([4, 4].map(|key| cosigned_at(&log, key)));
    assert_eq!(
        [0, 1, 2, 3, 4].map(|quorum| quorum_size(&all, &keys, quorum)),
        [None, Some(9), Some(8), Some(5), None]
    );
    // Whoever is not asked for does not count.
    assert_eq!(quorum_size(&all, &keys[..1], 1), Some(8));
    assert_eq!(quorum_size(&[], &keys, 1), None);
}

#[test]
fn a_row_that_does_not_verify_counts_for_nobody() {
    let keys: Vec<_> = [2, 3].map(|n| Near::new(n).signer.key().clone()).into();
    let log = log();
    log.append(leaves(0, 5, 0));
    let good = cosigned_at(&log, 2);
    let other = cosigned_at(&log, 3);
    assert_eq!(quorum_size(&[good.clone(), other.clone()], &keys, 2), Some(5));
    let fork = self::log();
    fork.append(leaves(0, 5, 1));
    let spoilt = [
        KeptCosignature {
            line: String::new(),
            ..other.clone()
        },
        KeptCosignature {
            line: good.line.clone(),
            ..other.clone()
        },
        KeptCosignature {
            note: String::new(),
            ..other.clone()
        },
        KeptCosignature { size: 9, ..other },
        // They cosigned, and not one checkpoint.
        cosigned_at(&fork, 3),
    ];
    for row in spoilt {
        assert_eq!(
            quorum_size(&[good.clone(), row.clone()], &keys, 2),
            None,
            "{row:?}"
        );
        assert_eq!(quorum_size(&[good.clone(), row], &keys[..1], 1), Some(5));
    }
}
