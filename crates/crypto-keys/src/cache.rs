//! The keys of single persons in memory: few of them, for a short time, and only so many new ones a minute.
//!
//! Whoever takes this process over, or holds an account that may read everybody, gets at persons' keys one by one. The quota
//! bounds how fast, and its refusals are an alarm; the age bounds for how long this process may read somebody whom another
//! replica has erased. What leaves the cache is zeroised once the last operation under way is done with it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use vutf_kernel::{KeyId, OrganizationId, Timestamp, UserId};

use crate::{CryptoError, OutageLimits, subject::Unwrapped};

const MINUTE: Duration = Duration::from_mins(1);

/// How much a key ring keeps, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Persons' keys at most; default 10,000 (about 4 MB).
    pub capacity: usize,
    /// How old one may become before its row is read again; default 60 s.
    pub max_age: Duration,
    /// Messages under one before its row is read again; default 2^20.
    pub messages: u64,
    /// Bytes under one before its row is read again; default 1 GiB.
    pub bytes: u64,
    /// How many may be unwrapped in a minute; default 60,000.
    pub unwraps_per_minute: u64,
    /// For how long the keys of tenants are good without their provider.
    pub outage: OutageLimits,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            max_age: MINUTE,
            messages: 1 << 20,
            bytes: 1 << 30,
            unwraps_per_minute: 60_000,
            outage: OutageLimits::default(),
        }
    }
}

/// What the cache did since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounters {
    /// Keys in it now.
    pub entries: u64,
    /// Look-ups that found a key.
    pub hits: u64,
    /// Look-ups that found none, or one that was past a limit.
    pub misses: u64,
    /// Keys that left it: for room, for age, for use, or because the person was erased.
    pub evictions: u64,
    /// Keys that were unwrapped.
    pub unwraps: u64,
    /// Keys that were not unwrapped because of the quota. Anything but zero is an alarm.
    pub refused: u64,
}

/// Bounded, least recently used first out.
pub(crate) struct SubjectCache {
    limits: CacheLimits,
    inner: Mutex<Inner>,
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
    unwraps: AtomicU64,
    refused: AtomicU64,
}

#[derive(Default)]
struct Inner {
    slots: HashMap<KeyId, Slot>,
    /// By last use.
    order: BTreeMap<u64, KeyId>,
    /// The key that protects each person's new data.
    protecting: HashMap<(OrganizationId, UserId), KeyId>,
    tick: u64,
    window: Option<(Timestamp, u64)>,
}

struct Slot {
    key: Arc<Unwrapped>,
    tick: u64,
}

impl SubjectCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            inner: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            unwraps: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    pub(crate) const fn limits(&self) -> &CacheLimits {
        &self.limits
    }

    /// The key with this id, unless it is past a limit.
    pub(crate) fn find(&self, id: KeyId, now: Timestamp) -> Option<Arc<Unwrapped>> {
        let found = self.with(|inner| self.fetch(inner, id, now));
        self.count(found.is_some());
        found
    }

    /// The key for a person's new data, unless it is past a limit.
    pub(crate) fn protecting(
        &self,
        organization: OrganizationId,
        subject: UserId,
        now: Timestamp,
    ) -> Option<Arc<Unwrapped>> {
        let found = self.with(|inner| {
            let id = *inner.protecting.get(&(organization, subject))?;
            self.fetch(inner, id, now)
        });
        self.count(found.is_some());
        found
    }

    /// Keeps a key that was just unwrapped.
    pub(crate) fn keep(&self, key: &Arc<Unwrapped>) {
        self.with(|inner| {
            if let Some(old) = inner.slots.remove(&key.id) {
                inner.order.remove(&old.tick);
            }
            while inner.slots.len() >= self.limits.capacity.max(1) {
                let Some(oldest) = inner.order.first_key_value().map(|(_, id)| *id) else {
                    break;
                };
                self.evict(inner, oldest);
            }
            let tick = inner.next_tick();
            inner.order.insert(tick, key.id);
            inner.note_protecting(key);
            let key = Arc::clone(key);
            inner.slots.insert(key.id, Slot { key, tick });
        });
    }

    /// Counts one unwrapping against the quota.
    pub(crate) fn admit(&self, now: Timestamp) -> Result<(), CryptoError> {
        let quota = self.limits.unwraps_per_minute;
        let admitted = self.with(|inner| {
            let (start, used) = match inner.window {
                // A clock that was set back begins a new minute: it must not lengthen the present one.
                Some((start, used)) if start <= now && now.since(start) < MINUTE => (start, used),
                _ => (now, 0),
            };
            inner.window = Some((start, used.saturating_add(u64::from(used < quota))));
            used < quota
        });
        let counter = if admitted { &self.unwraps } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        if admitted {
            Ok(())
        } else {
            Err(CryptoError::QuotaUsedUp { per_minute: quota })
        }
    }

    /// Drops every key of a person.
    pub(crate) fn forget(&self, organization: OrganizationId, subject: UserId) {
        self.drop_where(|key| key.organization_id == organization && key.subject == subject);
    }

    /// Drops every key of these tenants that `keep` does not want.
    pub(crate) fn drop_where(&self, unwanted: impl Fn(&Unwrapped) -> bool) {
        self.with(|inner| {
            let gone: Vec<KeyId> = inner
                .slots
                .values()
                .filter(|slot| unwanted(&slot.key))
                .map(|slot| slot.key.id)
                .collect();
            for id in gone {
                self.evict(inner, id);
            }
        });
    }

    /// Drops what is past its age, used or not.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.drop_where(|key| self.is_spent(key, now));
    }

    pub(crate) fn counters(&self) -> CacheCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheCounters {
            entries: self.with(|inner| u64::try_from(inner.slots.len()).unwrap_or(u64::MAX)),
            hits: read(&self.hits),
            misses: read(&self.misses),
            evictions: read(&self.evictions),
            unwraps: read(&self.unwraps),
            refused: read(&self.refused),
        }
    }

    fn fetch(&self, inner: &mut Inner, id: KeyId, now: Timestamp) -> Option<Arc<Unwrapped>> {
        let key = Arc::clone(&inner.slots.get(&id)?.key);
        if self.is_spent(&key, now) {
            self.evict(inner, id);
            return None;
        }
        inner.touch(id);
        Some(key)
    }

    fn is_spent(&self, key: &Unwrapped, now: Timestamp) -> bool {
        let (messages, bytes) = key.used();
        // A clock that was set back must not make a key live longer.
        now < key.since
            || now.since(key.since) >= self.limits.max_age
            || messages >= self.limits.messages
            || bytes >= self.limits.bytes
    }

    fn evict(&self, inner: &mut Inner, id: KeyId) {
        let Some(slot) = inner.slots.remove(&id) else {
            return;
        };
        inner.order.remove(&slot.tick);
        let person = (slot.key.organization_id, slot.key.subject);
        if inner.protecting.get(&person) == Some(&id) {
            inner.protecting.remove(&person);
        }
        self.evictions.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self, hit: bool) {
        let counter = if hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    const fn next_tick(&mut self) -> u64 {
        self.tick = self.tick.saturating_add(1);
        self.tick
    }

    fn touch(&mut self, id: KeyId) {
        let tick = self.next_tick();
        if let Some(slot) = self.slots.get_mut(&id) {
            self.order.remove(&slot.tick);
            slot.tick = tick;
            self.order.insert(tick, id);
        }
    }

    /// The newest version that may protect; an older one that is read must not take its place.
    fn note_protecting(&mut self, key: &Arc<Unwrapped>) {
        if !key.protects() {
            return;
        }
        let person = (key.organization_id, key.subject);
        let newer = self
            .protecting
            .get(&person)
            .and_then(|id| self.slots.get(id))
            .is_some_and(|slot| slot.key.version > key.version);
        if !newer {
            self.protecting.insert(person, key.id);
        }
    }
}
