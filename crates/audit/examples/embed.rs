//! The audit log on its own, in memory: append, place under a signed checkpoint, prove one event to somebody who has nothing but
//! a public key, then tamper, and see the finding.
//!
//! `cargo run -p vutf-audit --example embed-audit`

use std::{error::Error, io::Write, time::Duration};

use ed25519_compact::{KeyPair, Seed};
use vutf_audit::{
    AuditTx, CheckpointSigner, Edge, LogReader, MemoryLog, SEQUENCER_LEASE, Sequencing, TreeReader,
    leaf_hash, sequence_after,
    tlog::{Checkpoint, KeyKind, KeyName, Note, NoteSignature, TlogProof, TrustPolicy, VerifierKey},
    tree::inclusion_proof,
    verify,
};
use vutf_kernel::{
    Actor, Clock, Ctx, Detail, Entropy, Env, Event, EventId, JobId, Leases, OrganizationId, OsEntropy,
    Outcome, PortError, RequestId, Resource, SystemClock, Timestamp, Transaction,
};

type Failure = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut out = std::io::stdout();
    let (clock, mut entropy) = (SystemClock, OsEntropy);
    // A real embedder seals private parts with its field cipher.
    let log = MemoryLog::unsealed();
    let signer = Signer::generate("example.org/log", &mut entropy)?;

    let third = append_five(&log, &clock, &mut entropy).await?;
    place(&log, &signer, clock.now(), JobId::generate(&clock, &mut entropy)).await?;

    // What goes to whoever asks: the event's bytes and a text of a few hundred bytes (C2SP tlog-proof).
    let (body, proof) = prove(&log, third).await?;
    writeln!(out, "{proof}")?;

    // What they do with it: no store, no service, one public key that they got by another way.
    let policy = TrustPolicy {
        log: VerifierKey::parse(&signer.verifier().to_string())?,
        witnesses: Vec::new(),
        quorum: 0,
    };
    let proof = TlogProof::parse(&proof)?;
    let head = proof.verify(&leaf_hash(&body), &policy)?;
    writeln!(
        out,
        "proved: entry {} of the {} that {} signed",
        proof.index, head.checkpoint.size, head.checkpoint.origin
    )?;
    let mut other = body;
    other.push(b' ');
    let refused = proof.verify(&leaf_hash(&other), &policy);
    writeln!(
        out,
        "other bytes: {}",
        refused.err().ok_or("other bytes were accepted")?
    )?;

    let report = verify(&log, &mut |_| {}).await?;
    writeln!(
        out,
        "checked {}, first bad: {:?}",
        report.checked, report.first_bad
    )?;
    log.tamper(|rows| rows.intake[3].outcome = "success".into());
    let report = verify(&log, &mut |_| {}).await?;
    let finding = report.first_bad.ok_or("the change was not found")?;
    writeln!(
        out,
        "after tampering: {} at sequence number {}: {}",
        finding.kind, finding.seq, finding.detail
    )?;
    Ok(())
}

/// Five refused attempts to sign in; answers the id of the third.
async fn append_five(
    log: &MemoryLog,
    clock: &dyn Clock,
    entropy: &mut dyn Entropy,
) -> Result<EventId, Failure> {
    let request = RequestId::parse("example-1").ok_or("not a request id")?;
    let ctx = Ctx::internal(OrganizationId::DEFAULT, Actor::Operator, request);
    let mut ids = Vec::new();
    for attempt in 1..=5 {
        let mut env = Env {
            clock,
            entropy: &mut *entropy,
        };
        let outcome = Outcome::refused("wrong_password");
        let event = Event::new(
            &ctx,
            &mut env,
            "session.create",
            Resource::kind("session"),
            outcome,
        )
        .detail("attempt", Detail::Number(attempt))
        .private("source_ip", "192.0.2.1".to_owned());
        ids.push(event.id);
        // In an application this is the transaction of the change that the event tells of.
        let mut tx = Box::new(log.begin_tx());
        tx.log().append(event).await?;
        tx.commit().await?;
    }
    Ok(ids[2])
}

/// Gives every event its number in the log, and signs the new head. One process at a time: the lease is the fence.
async fn place(log: &MemoryLog, signer: &Signer, now: Timestamp, holder: JobId) -> Result<(), Failure> {
    let lease = log
        .acquire(SEQUENCER_LEASE, holder.as_uuid(), now, Duration::from_secs(10))
        .await?
        .ok_or("another sequencer is at work")?;
    let how = Sequencing {
        limit: 1_000,
        // A long-running embedder keeps the head of the batch before outside of its store, and passes it here.
        noted: None,
        signer: Some(signer),
        keep_every: Duration::from_secs(10),
        now,
    };
    sequence_after(log, &lease, &how, &mut Edge::default()).await?;
    Ok(())
}

/// The bytes of an event, and the proof that they are in the log.
async fn prove(log: &MemoryLog, id: EventId) -> Result<(Vec<u8>, String), Failure> {
    let record = log.entry(id).await?.ok_or("no such event")?;
    let index = u64::try_from(record.leaf.ok_or("not placed yet")?.seq)?;
    let note = log.latest().await?.ok_or("nothing is signed yet")?.note;
    let size = Checkpoint::parse(Note::parse(&note)?.text())?.size;
    let proof = TlogProof {
        extra: None,
        index,
        hashes: inclusion_proof(log, index, size).await?,
        checkpoint: note,
    };
    Ok((record.intake.body, proof.to_string()))
}

/// An Ed25519 key in memory. The service signs with a key of its key registry instead.
struct Signer {
    origin: KeyName,
    pair: KeyPair,
}

impl Signer {
    fn generate(origin: &str, entropy: &mut dyn Entropy) -> Result<Self, Failure> {
        let mut seed = [0; 32];
        entropy.fill(&mut seed);
        Ok(Self {
            origin: KeyName::parse(origin).ok_or("not a key name")?,
            pair: KeyPair::from_seed(Seed::new(seed)),
        })
    }
    fn verifier(&self) -> VerifierKey {
        VerifierKey::new(self.origin.clone(), KeyKind::Note, *self.pair.pk)
    }
}

impl CheckpointSigner for Signer {
    fn origin(&self) -> &KeyName {
        &self.origin
    }
    fn sign(&self, text: &str) -> Result<Vec<NoteSignature>, PortError> {
        let signature = self.pair.sk.sign(text, None);
        Ok(vec![NoteSignature::by(&self.verifier(), signature.to_vec())])
    }
    fn verifiers(&self) -> Result<Vec<VerifierKey>, PortError> {
        Ok(vec![self.verifier()])
    }
}
