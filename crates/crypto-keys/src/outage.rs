//! What tenant keys may still do while the provider of the key-encryption key is away.
//!
//! A tenant key in memory is confirmed by having the provider unwrap it again. As long as that succeeds from time to time
//! the provider's owner can take every key away from this process by taking the key-encryption key away from it. When it
//! does not succeed the keys go on for a while, first for everything, then for reading, then for nothing.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use vutf_kernel::Timestamp;

use crate::Operation;

/// For how long keys are good without the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutageLimits {
    /// A confirmation older than this is renewed; default 1 h.
    pub max_age: Duration,
    /// How much longer keys protect when it cannot be; default 1 h.
    pub write_grace: Duration,
    /// How much longer keys read when it cannot be; default 24 h. Never shorter than `write_grace`.
    pub read_grace: Duration,
}

impl Default for OutageLimits {
    fn default() -> Self {
        Self {
            max_age: Duration::from_hours(1),
            write_grace: Duration::from_hours(1),
            read_grace: Duration::from_hours(24),
        }
    }
}

/// How keys stand towards their provider, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Posture {
    /// Confirmed lately.
    Fresh,
    /// The confirmation is due; everything works still.
    Grace,
    /// Nothing new is protected.
    ReadOnly,
    /// Nothing works until the provider is back.
    Closed,
}

impl Posture {
    /// Every posture, from best to worst.
    pub const ALL: [Self; 4] = [Self::Fresh, Self::Grace, Self::ReadOnly, Self::Closed];

    /// How keys that were confirmed at `confirmed_at` stand at `now`. A clock that was set back counts as no time passed.
    pub fn at(confirmed_at: Timestamp, now: Timestamp, limits: &OutageLimits) -> Self {
        let late = now.since(confirmed_at).checked_sub(limits.max_age);
        match late {
            None => Self::Fresh,
            Some(late) if late < limits.write_grace => Self::Grace,
            Some(late) if late < limits.read_grace => Self::ReadOnly,
            Some(_) => Self::Closed,
        }
    }

    /// Whether keys may do this.
    pub const fn allows(self, operation: Operation) -> bool {
        match operation {
            Operation::Protect => matches!(self, Self::Fresh | Self::Grace),
            Operation::Process => !matches!(self, Self::Closed),
        }
    }

    /// The stable word, for health and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Grace => "grace",
            Self::ReadOnly => "read_only",
            Self::Closed => "closed",
        }
    }
}

/// When a tenant key was last unwrapped by the provider; shared by all keys under it.
#[derive(Debug)]
pub(crate) struct Confirmation(AtomicI64);

impl Confirmation {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.as_micros()))
    }
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
    pub(crate) fn renew(&self, at: Timestamp) {
        self.0.store(at.as_micros(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: OutageLimits = OutageLimits {
        max_age: Duration::from_secs(100),
        write_grace: Duration::from_secs(10),
        read_grace: Duration::from_secs(1_000),
    };

    #[test]
    fn each_limit_is_the_first_moment_of_the_next_posture() {
        let start = Timestamp::from_secs(50);
        for (after, expected) in [
            (0, Posture::Fresh),
            (99, Posture::Fresh),
            (100, Posture::Grace),
            (109, Posture::Grace),
            (110, Posture::ReadOnly),
            (1_099, Posture::ReadOnly),
            (1_100, Posture::Closed),
        ] {
            let now = start.plus(Duration::from_secs(after));
            assert_eq!(Posture::at(start, now, &LIMITS), expected, "{after} s");
        }
        assert_eq!(
            Posture::at(start, Timestamp::from_secs(0), &LIMITS),
            Posture::Fresh
        );
    }

    #[test]
    fn writing_ends_before_reading() {
        let table = Posture::ALL.map(|posture| {
            (
                posture.allows(Operation::Protect),
                posture.allows(Operation::Process),
            )
        });
        assert_eq!(table, [(true, true), (true, true), (false, true), (false, false)]);
    }

    proptest! {
        #[test]
        fn it_only_gets_worse_with_time(
            start in any::<i32>(), first in 0_u64..200_000, second in 0_u64..200_000,
            max_age in 0_u64..90_000, write in 0_u64..90_000, more in 0_u64..90_000,
        ) {
            let limits = OutageLimits {
                max_age: Duration::from_secs(max_age),
                write_grace: Duration::from_secs(write),
                read_grace: Duration::from_secs(write + more),
            };
            let start = Timestamp::from_secs(start.into());
            let at = |secs| Posture::at(start, start.plus(Duration::from_secs(secs)), &limits);
            let (early, late) = (first.min(second), first.max(second));
            prop_assert!(at(early) <= at(late));
        }
    }
}
