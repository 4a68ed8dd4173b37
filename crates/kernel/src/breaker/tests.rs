//! The state machine step by step, and the breaker under threads.

use super::*;
use proptest::prelude::*;
use std::{
    pin::pin,
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll, Waker},
};

const OPTIONS: BreakerOptions = BreakerOptions {
    failures: 3,
    cool_down: Duration::from_secs(2),
};

fn opened(at: Instant) -> Machine {
    let mut machine = Machine::default();
    for _ in 0..OPTIONS.failures {
        let turn = machine.enter(OPTIONS, at).unwrap();
        machine.finish(OPTIONS, turn, false, at);
    }
    machine
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future is not ready"),
    }
}

fn unreachable() -> PortError {
    PortError::new("test", Fault::Unreachable, "down")
}

#[test]
fn it_opens_after_consecutive_failures_only() {
    let now = Instant::now();
    let mut machine = Machine::default();
    for reached in [false, false, true, false, false] {
        let turn = machine.enter(OPTIONS, now).unwrap();
        machine.finish(OPTIONS, turn, reached, now);
    }
    assert_eq!(machine.phase.state(), BreakerState::Closed);
    let turn = machine.enter(OPTIONS, now).unwrap();
    machine.finish(OPTIONS, turn, false, now);
    assert_eq!(machine.phase.state(), BreakerState::Open);
    assert!(machine.enter(OPTIONS, now).is_none());
}

#[test]
fn one_probe_after_the_cool_down_decides() {
    let start = Instant::now();
    let later = start + OPTIONS.cool_down;
    for (reached, then) in [(true, BreakerState::Closed), (false, BreakerState::Open)] {
        let mut machine = opened(start);
        assert!(
            machine
                .enter(OPTIONS, start + Duration::from_millis(1_999))
                .is_none()
        );
        let probe = machine.enter(OPTIONS, later).unwrap();
        assert!(machine.enter(OPTIONS, later).is_none(), "only one probe");
        machine.finish(OPTIONS, probe, reached, later);
        assert_eq!(machine.phase.state(), then);
    }
}

#[test]
fn a_call_from_before_the_change_teaches_nothing() {
    let start = Instant::now();
    let mut machine = Machine::default();
    let slow = machine.enter(OPTIONS, start).unwrap();
    for _ in 0..OPTIONS.failures {
        let turn = machine.enter(OPTIONS, start).unwrap();
        machine.finish(OPTIONS, turn, false, start);
    }
    machine.finish(OPTIONS, slow, true, start);
    assert_eq!(machine.phase.state(), BreakerState::Open);
}

#[test]
fn a_dropped_probe_leaves_the_next_call_to_be_the_probe() {
    let breaker = Breaker::new(
        "test",
        BreakerOptions {
            failures: 1,
            cool_down: Duration::ZERO,
        },
    );
    let _ = ready(breaker.call::<(), _>("op", async { Err(unreachable()) }));
    {
        let mut hanging = Box::pin(breaker.call::<(), _>("op", std::future::pending()));
        assert!(
            hanging
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(ready(breaker.call("op", async { Ok(1) })).is_ok());
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn only_failures_to_reach_count_and_an_open_breaker_runs_nothing() {
    let breaker = Breaker::new(
        "cache",
        BreakerOptions {
            failures: 1,
            cool_down: Duration::from_hours(1),
        },
    );
    for fault in [
        Fault::Contention,
        Fault::KeyNotLoaded,
        Fault::Stale,
        Fault::Duplicate,
        Fault::Other,
    ] {
        let _ = ready(breaker.call::<(), _>("op", async { Err(PortError::new("op", fault, "x")) }));
        assert_eq!(breaker.state(), BreakerState::Closed, "{fault:?}");
    }
    let _ = ready(breaker.call::<(), _>("op", async { Err(unreachable()) }));
    let refused = ready(breaker.call::<(), _>("op", async { panic!("must not run") })).unwrap_err();
    assert_eq!(refused.fault, Fault::Unreachable);
    assert!(refused.chain().contains("circuit breaker of cache is open"));
}

#[test]
fn among_many_threads_exactly_one_probes() {
    let breaker = Breaker::new(
        "test",
        BreakerOptions {
            failures: 1,
            cool_down: Duration::ZERO,
        },
    );
    let _ = ready(breaker.call::<(), _>("op", async { Err(unreachable()) }));
    let (probes, barrier) = (AtomicU32::new(0), std::sync::Barrier::new(32));
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                barrier.wait();
                let permit = breaker.enter(Instant::now());
                probes.fetch_add(u32::from(permit.is_ok()), Ordering::SeqCst);
                // Nobody gives the permit back before everybody has asked.
                barrier.wait();
            });
        }
    });
    assert_eq!(probes.load(Ordering::SeqCst), 1);
}

proptest! {
    #[test]
    fn it_is_open_exactly_when_the_last_failures_reached_the_limit(outcomes in proptest::collection::vec(any::<bool>(), 0..40)) {
        let now = Instant::now();
        let mut machine = Machine::default();
        let mut streak = 0;
        for reached in outcomes {
            let Some(turn) = machine.enter(OPTIONS, now) else { break };
            machine.finish(OPTIONS, turn, reached, now);
            streak = if reached { 0 } else { streak + 1 };
            prop_assert_eq!(machine.phase.state() == BreakerState::Open, streak == OPTIONS.failures);
        }
    }
}
