//! The one circuit breaker, around database, cache and key provider.
//!
//! Closed: calls pass; [`BreakerOptions::failures`] failures to reach the dependency, one after another, open it.
//! Open: calls fail at once, so that a dead dependency costs no waiting. After [`BreakerOptions::cool_down`] one call is
//! let through as a probe (half-open); its outcome closes or reopens the breaker. Nothing has to be restarted.
//!
//! Only [`Fault::Unreachable`] counts as a failure: a duplicate key proves that the database answers.

use std::{
    fmt,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{Fault, PortError};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerOptions {
    /// Failures one after another that open it; 0 counts as 1.
    pub failures: u32,
    /// How long it stays open before a probe.
    pub cool_down: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            failures: 5,
            cool_down: Duration::from_secs(2),
        }
    }
}

/// What a breaker does with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Lets it pass.
    Closed,
    /// Refuses it, or makes it the probe when the cool-down is over.
    Open,
    /// Refuses it: the probe is under way.
    HalfOpen,
}

impl BreakerState {
    /// For metrics and readiness: `closed`, `open`, `half_open`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// Why a call was refused without being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker of {dependency} is open")]
pub struct BreakerOpen {
    /// What it guards.
    pub dependency: &'static str,
}

/// A circuit breaker. Share one per dependency and process.
pub struct Breaker {
    dependency: &'static str,
    options: BreakerOptions,
    machine: Mutex<Machine>,
}

impl Breaker {
    /// A closed breaker around `dependency`, e.g. `cache`.
    pub fn new(dependency: &'static str, options: BreakerOptions) -> Self {
        Self {
            dependency,
            options,
            machine: Mutex::default(),
        }
    }

    /// What it guards.
    pub fn dependency(&self) -> &'static str {
        self.dependency
    }

    /// Its state now.
    pub fn state(&self) -> BreakerState {
        self.lock().phase.state()
    }

    /// Runs `operation` unless the breaker is open, and learns from the outcome.
    ///
    /// Dropping the future before it is done counts as no outcome; a dropped probe leaves the next call to be the probe.
    ///
    /// # Errors
    /// Those of `operation`; [`Fault::Unreachable`] with [`BreakerOpen`] as its cause when it was not run.
    pub async fn call<T, F>(&self, op: &'static str, operation: F) -> Result<T, PortError>
    where
        F: Future<Output = Result<T, PortError>>,
    {
        let permit = self
            .enter(Instant::now())
            .map_err(|refusal| PortError::new(op, Fault::Unreachable, refusal))?;
        let result = operation.await;
        let reached = !matches!(&result, Err(error) if error.fault == Fault::Unreachable);
        permit.finish(reached, Instant::now());
        result
    }

    fn enter(&self, now: Instant) -> Result<Permit<'_>, BreakerOpen> {
        let refused = BreakerOpen {
            dependency: self.dependency,
        };
        let turn = self.lock().enter(self.options, now).ok_or(refused)?;
        Ok(Permit {
            breaker: self,
            turn,
            done: false,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        // No code panics while it holds the lock, and the state is valid at every step.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Breaker({}, {})", self.dependency, self.state().as_str())
    }
}

/// A call that was let through.
struct Permit<'b> {
    breaker: &'b Breaker,
    turn: u64,
    done: bool,
}

impl Permit<'_> {
    fn finish(mut self, reached: bool, now: Instant) {
        self.done = true;
        self.breaker
            .lock()
            .finish(self.breaker.options, self.turn, reached, now);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.breaker.lock().abandon(self.turn);
        }
    }
}

/// The state machine: time is an argument.
#[derive(Debug, Default)]
struct Machine {
    phase: Phase,
    /// Grows with every change of phase, so that a call that began before the change teaches nothing about the new one.
    turn: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed { failures: u32 },
    Open { since: Instant },
    HalfOpen { opened: Instant },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Phase {
    fn state(self) -> BreakerState {
        match self {
            Self::Closed { .. } => BreakerState::Closed,
            Self::Open { .. } => BreakerState::Open,
            Self::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

impl Machine {
    /// The turn under which the call may run, or `None` when it may not.
    fn enter(&mut self, options: BreakerOptions, now: Instant) -> Option<u64> {
        match self.phase {
            Phase::Closed { .. } => Some(self.turn),
            Phase::Open { since } if now.saturating_duration_since(since) >= options.cool_down => {
                self.become_phase(Phase::HalfOpen { opened: since });
                Some(self.turn)
            }
            Phase::Open { .. } | Phase::HalfOpen { .. } => None,
        }
    }

    fn finish(&mut self, options: BreakerOptions, turn: u64, reached: bool, now: Instant) {
        if turn != self.turn {
            return;
        }
        match (self.phase, reached) {
            (Phase::Closed { .. }, true) => self.phase = Phase::default(),
            (Phase::Closed { failures }, false) => {
                let failures = failures.saturating_add(1);
                if failures >= options.failures.max(1) {
                    self.become_phase(Phase::Open { since: now });
                } else {
                    self.phase = Phase::Closed { failures };
                }
            }
            (Phase::HalfOpen { .. }, true) => self.become_phase(Phase::default()),
            (Phase::HalfOpen { .. }, false) => self.become_phase(Phase::Open { since: now }),
            // Nothing runs under the turn of an open breaker.
            (Phase::Open { .. }, _) => {}
        }
    }

    fn abandon(&mut self, turn: u64) {
        if let Phase::HalfOpen { opened } = self.phase
            && turn == self.turn
        {
            self.become_phase(Phase::Open { since: opened });
        }
    }

    fn become_phase(&mut self, phase: Phase) {
        self.phase = phase;
        self.turn = self.turn.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests;
