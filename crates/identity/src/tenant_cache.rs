//! Remembers for less than a second what an organization laid down: its policies, its roles.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use vutf_kernel::OrganizationId;

use crate::session::ReadMark;

/// In-process and never the authority, like what is remembered of sessions: an entry lives at most 800 ms from the start of its
/// read, so that what another replica wrote holds within a second, whether a message passes or not.
pub struct TenantCache<T>(RwLock<Remembered<T>>);

struct Remembered<T> {
    sets: HashMap<OrganizationId, (Arc<T>, Instant)>,
    /// How often something was forgotten.
    generation: u64,
}

/// Far more organizations than ask within a second.
const MOST: usize = 10_000;

impl<T> Default for TenantCache<T> {
    fn default() -> Self {
        Self(RwLock::new(Remembered {
            sets: HashMap::new(),
            generation: 0,
        }))
    }
}

impl<T> TenantCache<T> {
    /// How long an entry lives, from the start of the read that found it.
    pub const TTL: Duration = Duration::from_millis(800);

    /// What is remembered.
    pub fn fetch(&self, organization: OrganizationId) -> Option<Arc<T>> {
        let remembered = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (set, began) = remembered.sets.get(&organization)?;
        (began.elapsed() < Self::TTL).then(|| Arc::clone(set))
    }
    /// Taken before the store is read.
    pub fn mark(&self) -> ReadMark {
        let remembered = self.0.read().unwrap_or_else(PoisonError::into_inner);
        ReadMark {
            generation: remembered.generation,
            began: Instant::now(),
        }
    }
    /// Remembers what a read since `mark` found, unless something was forgotten since then.
    pub fn put(&self, organization: OrganizationId, set: Arc<T>, mark: ReadMark) {
        let mut remembered = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.generation != mark.generation {
            return;
        }
        if remembered.sets.len() >= MOST {
            remembered.sets.clear();
        }
        remembered.sets.insert(organization, (set, mark.began));
    }
    /// Forgets those of one organization.
    pub fn forget(&self, organization: OrganizationId) {
        let mut remembered = self.0.write().unwrap_or_else(PoisonError::into_inner);
        remembered.generation = remembered.generation.wrapping_add(1);
        remembered.sets.remove(&organization);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{PolicyCache, PolicySet};

    const HOME: OrganizationId = OrganizationId::DEFAULT;

    #[test]
    fn what_was_read_before_a_change_is_not_remembered() {
        let cache = PolicyCache::default();
        let before = cache.mark();
        cache.forget(HOME);
        cache.put(HOME, Arc::<PolicySet>::default(), before);
        assert!(cache.fetch(HOME).is_none());
        cache.put(HOME, Arc::default(), cache.mark());
        assert!(cache.fetch(HOME).is_some());
        cache.forget(HOME);
        assert!(cache.fetch(HOME).is_none());
    }

    #[test]
    fn an_entry_is_as_old_as_the_start_of_its_read() {
        let cache = PolicyCache::default();
        let Some(long_ago) = Instant::now().checked_sub(PolicyCache::TTL) else {
            return;
        };
        let mark = ReadMark {
            began: long_ago,
            ..cache.mark()
        };
        cache.put(HOME, Arc::default(), mark);
        assert!(cache.fetch(HOME).is_none());
    }
}
