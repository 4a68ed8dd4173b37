//! The audit log on its own, in memory: append, sequence, verify, tamper, and see the finding.
//!
//! `cargo run -p vutf-audit --example embed-audit`

use std::{error::Error, io::Write, time::Duration};

use vutf_audit::{AuditTx, MemoryLog, SEQUENCER_LEASE, sequence_batch, verify};
use vutf_kernel::{
    Actor, Clock, Ctx, Detail, Env, Event, JobId, Leases, OrganizationId, OsEntropy, Outcome, RequestId,
    Resource, SystemClock, Transaction,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let (clock, mut entropy) = (SystemClock, OsEntropy);
    // A real embedder seals private parts with its field cipher.
    let log = MemoryLog::unsealed();

    let request = RequestId::parse("example-1").ok_or("not a request id")?;
    let ctx = Ctx::internal(OrganizationId::DEFAULT, Actor::Operator, request);
    for attempt in 1..=5 {
        let mut env = Env {
            clock: &clock,
            entropy: &mut entropy,
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
        let mut tx = Box::new(log.begin_tx());
        tx.log().append(event).await?;
        tx.commit().await?;
    }

    let holder = JobId::generate(&clock, &mut entropy).as_uuid();
    let lease = log
        .acquire(SEQUENCER_LEASE, holder, clock.now(), Duration::from_secs(10))
        .await?
        .ok_or("another sequencer is at work")?;
    let sequenced = sequence_batch(&log, &lease, 1_000).await?;
    let report = verify(&log, &mut |_| {}).await?;
    writeln!(
        out,
        "sequenced {sequenced}, checked {}, first bad: {:?}",
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
