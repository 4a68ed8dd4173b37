//! Time and randomness, handed down: [`Ambient`] belongs to a process, [`Env`] to one use case.

use std::sync::Arc;

use crate::{Clock, Entropy, OsEntropy, SystemClock, Timestamp};

/// What a use case needs from the outside that is neither a store nor a caller: time and randomness.
pub struct Env<'a> {
    /// Wall clock in microseconds.
    pub clock: &'a dyn Clock,
    /// Cryptographically secure random bytes.
    pub entropy: &'a mut dyn Entropy,
}

impl Env<'_> {
    /// Now, to the microsecond.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

type MakeEntropy = dyn Fn() -> Box<dyn Entropy> + Send + Sync;

/// The clock and the source of randomness that a process was given at its start. Cheap to clone.
#[derive(Clone)]
pub struct Ambient {
    clock: Arc<dyn Clock>,
    entropy: Arc<MakeEntropy>,
}

impl Ambient {
    /// From a clock and a maker of entropy sources, e.g. fixed ones in a test.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<MakeEntropy>) -> Self {
        Self { clock, entropy }
    }
    /// The machine's clock and the operating system's generator.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(|| Box::new(OsEntropy)))
    }
    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }
    /// The clock, for something that outlives the borrow.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }
    /// Now, to the microsecond.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
    /// A source of randomness.
    pub fn entropy(&self) -> Box<dyn Entropy> {
        (self.entropy)()
    }
}
