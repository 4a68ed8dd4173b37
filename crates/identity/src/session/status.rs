//! Remembers for less than a second which sessions and API keys are live, so that most requests need no read of the store.

use std::{sync::Arc, time::Instant};
#[cfg(feature = "session-cache")]
use std::{
    sync::{PoisonError, RwLock, RwLockWriteGuard},
    time::Duration,
};

use vutf_kernel::{SessionId, UserId};

use super::SessionStatus;
use crate::api_key::{ApiKeyStatus, Lookup};

/// The start of a read of the store whose result may be remembered.
#[derive(Clone, Copy, Debug)]
pub struct ReadMark {
    /// How often the cache had been told to forget by then.
    pub generation: u64,
    /// When.
    pub began: Instant,
}

/// In-process and never the authority. An entry lives at most 800 ms from the start of its read: a revocation by another
/// replica is seen within a second even when no message passes between replicas.
pub trait SessionStatusCache: Send + Sync {
    /// What is remembered.
    fn fetch(&self, id: SessionId) -> Option<Arc<SessionStatus>>;
    /// Taken before the store is read.
    fn mark(&self) -> ReadMark;
    /// Remembers what a read since `mark` found, unless something was forgotten since then: the read may have seen the state
    /// from before.
    fn put(&self, status: Arc<SessionStatus>, mark: ReadMark);
    /// Forgets one session.
    fn forget(&self, id: SessionId);
    /// The same of an API key.
    fn fetch_key(&self, lookup: Lookup) -> Option<Arc<ApiKeyStatus>>;
    /// As [`Self::put`].
    fn put_key(&self, status: Arc<ApiKeyStatus>, mark: ReadMark);
    /// Forgets one API key.
    fn forget_key(&self, lookup: Lookup);
    /// Forgets all sessions and API keys of a user.
    fn forget_user(&self, user: UserId);
}

/// Over `moka`.
#[cfg(feature = "session-cache")]
pub struct MokaSessionCache {
    entries: moka::sync::Cache<SessionId, Entry<SessionStatus>>,
    keys: moka::sync::Cache<Lookup, Entry<ApiKeyStatus>>,
    /// How often something was forgotten. Held while entries change, so that no `put` falls between the count and the removal.
    generation: RwLock<u64>,
}

#[cfg(feature = "session-cache")]
struct Entry<T> {
    status: Arc<T>,
    began: Instant,
}

#[cfg(feature = "session-cache")]
impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self {
            status: Arc::clone(&self.status),
            began: self.began,
        }
    }
}

#[cfg(feature = "session-cache")]
impl<T> Entry<T> {
    fn present(self) -> Option<Arc<T>> {
        (self.began.elapsed() < MokaSessionCache::TTL).then_some(self.status)
    }
}

#[cfg(feature = "session-cache")]
impl MokaSessionCache {
    /// How long an entry lives, from the start of the read that found it.
    pub const TTL: Duration = Duration::from_millis(800);

    /// Holds at most `capacity` sessions, and as many API keys.
    pub fn new(capacity: u64) -> Self {
        Self {
            entries: moka::sync::Cache::builder()
                .max_capacity(capacity)
                .time_to_live(Self::TTL)
                .build(),
            keys: moka::sync::Cache::builder()
                .max_capacity(capacity)
                .time_to_live(Self::TTL)
                .build(),
            generation: RwLock::default(),
        }
    }

    fn counted(&self) -> RwLockWriteGuard<'_, u64> {
        let mut generation = self.generation.write().unwrap_or_else(PoisonError::into_inner);
        *generation = generation.wrapping_add(1);
        generation
    }
}

#[cfg(feature = "session-cache")]
impl Default for MokaSessionCache {
    fn default() -> Self {
        Self::new(100_000)
    }
}

#[cfg(feature = "session-cache")]
impl SessionStatusCache for MokaSessionCache {
    fn fetch(&self, id: SessionId) -> Option<Arc<SessionStatus>> {
        self.entries.get(&id)?.present()
    }
    fn mark(&self) -> ReadMark {
        let generation = self.generation.read().unwrap_or_else(PoisonError::into_inner);
        ReadMark {
            generation: *generation,
            began: Instant::now(),
        }
    }
    fn put(&self, status: Arc<SessionStatus>, mark: ReadMark) {
        let generation = self.generation.read().unwrap_or_else(PoisonError::into_inner);
        if *generation == mark.generation {
            let began = mark.began;
            self.entries.insert(status.id, Entry { status, began });
        }
    }
    fn forget(&self, id: SessionId) {
        let _counted = self.counted();
        self.entries.invalidate(&id);
    }
    fn fetch_key(&self, lookup: Lookup) -> Option<Arc<ApiKeyStatus>> {
        self.keys.get(&lookup)?.present()
    }
    fn put_key(&self, status: Arc<ApiKeyStatus>, mark: ReadMark) {
        let generation = self.generation.read().unwrap_or_else(PoisonError::into_inner);
        if *generation == mark.generation {
            let began = mark.began;
            self.keys.insert(status.lookup, Entry { status, began });
        }
    }
    fn forget_key(&self, lookup: Lookup) {
        let _counted = self.counted();
        self.keys.invalidate(&lookup);
    }
    fn forget_user(&self, user: UserId) {
        let _counted = self.counted();
        for (id, entry) in &self.entries {
            if entry.status.user_id == user {
                self.entries.invalidate(&*id);
            }
        }
        for (lookup, entry) in &self.keys {
            if entry.status.user_id == user {
                self.keys.invalidate(&*lookup);
            }
        }
    }
}
