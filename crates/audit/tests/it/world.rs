//! A log with events in it.

use std::time::Duration;

use uuid::Uuid;
use vutf_audit::{
    Anchor, AuditTx, MemoryLog, Report, SEQUENCER_LEASE, sequence_batch, verify, verify_against,
};
use vutf_kernel::{
    Actor, Ctx, Detail, Env, Event, Lease, Leases, OrganizationId, Origin, OsEntropy, Outcome, RequestId,
    Resource, SessionId, SystemClock, Timestamp, Transaction, UserId,
};

pub(crate) const T0: Timestamp = Timestamp::from_secs(1_795_255_200);
pub(crate) const TTL: Duration = Duration::from_secs(10);

/// Runs a future of the in-memory twin, which never waits.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

pub(crate) fn user(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(n))
}

/// The event number `n`: by user 100 + n % 2, about users 1 and 2, refused when n is a multiple of three.
pub(crate) fn event(n: u32) -> Event {
    let origin = Origin {
        ip: Some([192, 0, 2, 1].into()),
        user_agent: Some(format!("agent/{n}")),
    };
    let ctx = Ctx {
        actor: Actor::User {
            user_id: user(100 + u128::from(n % 2)),
            session_id: SessionId::from_uuid(Uuid::from_u128(9)),
        },
        ..Ctx::anonymous(OrganizationId::DEFAULT, RequestId::parse("r-1").unwrap(), origin)
    };
    let outcome = if n.is_multiple_of(3) {
        Outcome::refused("locked")
    } else {
        Outcome::Success
    };
    let mut entropy = OsEntropy;
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut entropy,
    };
    Event::new(
        &ctx,
        &mut env,
        "user.update",
        Resource::one("user", Uuid::from_u128(1)),
        outcome,
    )
    .subject(user(1))
    .subject(user(2))
    .detail("n", Detail::Number(i64::from(n)))
}

pub(crate) async fn append(log: &MemoryLog, event: Event) {
    let mut tx = Box::new(log.begin_tx());
    tx.log().append(event).await.unwrap();
    tx.commit().await.unwrap();
}

pub(crate) async fn lease(log: &MemoryLog) -> Lease {
    log.acquire(SEQUENCER_LEASE, Uuid::from_u128(1), T0, TTL)
        .await
        .unwrap()
        .unwrap()
}

/// A log of `n` sequenced events.
pub(crate) async fn log_of(n: u32) -> MemoryLog {
    let log = MemoryLog::unsealed();
    for i in 0..n {
        append(&log, event(i)).await;
    }
    let lease = lease(&log).await;
    while sequence_batch(&log, &lease, 7).await.unwrap() > 0 {}
    log
}

pub(crate) fn check(log: &MemoryLog) -> Report {
    now(verify(log, &mut |_| {})).unwrap()
}

pub(crate) fn check_against(log: &MemoryLog, anchor: Anchor) -> Report {
    now(verify_against(log, &[anchor], &mut |_| {})).unwrap()
}

pub(crate) fn anchor(log: &MemoryLog) -> Anchor {
    Anchor::of(&check(log).head.unwrap())
}
