//! How much a key has protected. Counted in each process, added up in the store by all replicas.

use std::sync::atomic::{AtomicU64, Ordering};

use vutf_kernel::{KeyId, OrganizationId};

use crate::{Purpose, ServiceUse};

/// An amount of use, or a limit to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Messages that were protected: ciphertexts, signatures, MACs.
    pub messages: u64,
    /// Bytes of plaintext in them.
    pub bytes: u64,
}

impl Usage {
    /// Whether one of the two amounts has reached `limit`.
    pub const fn reaches(self, limit: Self) -> bool {
        self.messages >= limit.messages || self.bytes >= limit.bytes
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self {
            messages: self.messages.saturating_add(more.messages),
            bytes: self.bytes.saturating_add(more.bytes),
        }
    }

    /// The amount at which a key stops to protect, when it should be rotated at this one: twice as much, so that rotation has
    /// time.
    #[must_use]
    pub const fn hard(self) -> Self {
        self.plus(self)
    }

    /// How often each amount has doubled, from nothing.
    pub(crate) const fn doublings(self) -> (u32, u32) {
        (
            u64::BITS - self.messages.leading_zeros(),
            u64::BITS - self.bytes.leading_zeros(),
        )
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [self.messages.to_be_bytes(), self.bytes.to_be_bytes()].concat()
    }
}

/// What a key was used for since it was last written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageDelta {
    /// The key.
    pub key_id: KeyId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// How much more.
    pub more: Usage,
}

impl Purpose {
    /// How much a key of this purpose protects before it is to be rotated. `None`: its primitive sets no limit that could be
    /// reached. Nonces of 192 random bits would allow more than 2^80 messages; 2^30 bounds what one key exposes.
    pub const fn usage_limit(&self) -> Option<Usage> {
        match self {
            Self::Field { .. }
            | Self::Subject { .. }
            | Self::Service {
                service: ServiceUse::Encrypt,
                ..
            } => Some(Usage {
                messages: 1 << 30,
                bytes: 1 << 40,
            }),
            Self::Tenant
            | Self::Index { .. }
            | Self::TokenSigning
            | Self::CheckpointSigning
            | Self::Mac { .. }
            | Self::Service { .. } => None,
        }
    }
}

/// The count of one key in one process: what the store knew when it was last read, and what came since.
#[derive(Debug, Default)]
pub(crate) struct UsageCounter {
    known_messages: AtomicU64,
    known_bytes: AtomicU64,
    seen_revision: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl UsageCounter {
    /// One more message.
    pub(crate) fn count(&self, bytes: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// All use that this process knows of.
    pub(crate) fn total(&self) -> Usage {
        Usage {
            messages: load(&self.known_messages),
            bytes: load(&self.known_bytes),
        }
        .plus(Usage {
            messages: load(&self.messages),
            bytes: load(&self.bytes),
        })
    }

    /// The newest revision of the store's row that this process has read.
    pub(crate) fn seen_revision(&self) -> u64 {
        load(&self.seen_revision)
    }

    /// What the store says in a revision of its row. It only grows, and may have been read before the last
    /// [`UsageCounter::take`].
    pub(crate) fn learn(&self, stored: Usage, revision: u64) {
        self.seen_revision.fetch_max(revision, Ordering::Relaxed);
        self.known_messages.fetch_max(stored.messages, Ordering::Relaxed);
        self.known_bytes.fetch_max(stored.bytes, Ordering::Relaxed);
    }

    /// What came since the last time, to be written down; it goes on to count as known.
    pub(crate) fn take(&self) -> Option<Usage> {
        let more = Usage {
            messages: self.messages.swap(0, Ordering::Relaxed),
            bytes: self.bytes.swap(0, Ordering::Relaxed),
        };
        self.known_messages.fetch_add(more.messages, Ordering::Relaxed);
        self.known_bytes.fetch_add(more.bytes, Ordering::Relaxed);
        (more != Usage::default()).then_some(more)
    }

    /// Takes back what could not be written down.
    pub(crate) fn give_back(&self, more: Usage) {
        self.messages.fetch_add(more.messages, Ordering::Relaxed);
        self.bytes.fetch_add(more.bytes, Ordering::Relaxed);
        self.known_messages.fetch_sub(more.messages, Ordering::Relaxed);
        self.known_bytes.fetch_sub(more.bytes, Ordering::Relaxed);
    }
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(messages: u64, bytes: u64) -> Usage {
        Usage { messages, bytes }
    }

    #[test]
    fn a_limit_is_reached_by_either_amount() {
        let limit = usage(10, 100);
        assert!(!usage(9, 99).reaches(limit));
        assert!(usage(10, 0).reaches(limit));
        assert!(usage(0, 100).reaches(limit));
        assert_eq!(limit.hard(), usage(20, 200));
    }

    #[test]
    fn nothing_is_counted_twice_or_lost() {
        let counter = UsageCounter::default();
        counter.learn(usage(5, 50), 1);
        counter.count(10);
        assert_eq!(counter.total(), usage(6, 60));
        let taken = counter.take().unwrap();
        assert_eq!((taken, counter.total()), (usage(1, 10), usage(6, 60)));
        assert_eq!(counter.take(), None);
        counter.learn(usage(5, 50), 1);
        assert_eq!(counter.total(), usage(6, 60), "the store was read before");
        counter.give_back(taken);
        assert_eq!(counter.total(), usage(6, 60));
        assert_eq!(counter.take(), Some(taken));
    }

    #[test]
    fn an_amount_is_told_when_it_has_doubled() {
        let told: Vec<u64> = (1..=9)
            .filter(|n| usage(n - 1, 0).doublings() != usage(*n, 0).doublings())
            .collect();
        assert_eq!(told, [1, 2, 4, 8]);
        assert_ne!(usage(4, 3).doublings(), usage(4, 4).doublings());
    }

    #[test]
    fn threads_count_together() {
        let counter = UsageCounter::default();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1_000).for_each(|_| counter.count(3)));
            }
        });
        assert_eq!(counter.take(), Some(usage(8_000, 24_000)));
    }
}
