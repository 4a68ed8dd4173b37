//! Notes when and from where API keys are used, beside the requests: at most once a minute for a key, by few writers at a time, and
//! not at all when they are busy. What was done with a key is in the audit log, whatever happens here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Semaphore;
use vutf_identity::{
    Identity,
    api_key::{NOTED_EVERY, note::note_use, repo::KeyUse},
};
use vutf_kernel::{Actor, ApiKeyId, Ctx, Secret, Timestamp};

/// Keys whose last note is remembered. Beyond it the store is asked more often, and says no.
const REMEMBERED: usize = 10_000;
/// Notes that are written at once.
const WRITERS: usize = 2;

/// What was noted of late.
pub struct KeyUses {
    noted: Mutex<HashMap<ApiKeyId, Timestamp>>,
    writers: Arc<Semaphore>,
}

impl Default for KeyUses {
    fn default() -> Self {
        Self {
            noted: Mutex::default(),
            writers: Arc::new(Semaphore::new(WRITERS)),
        }
    }
}

impl KeyUses {
    /// Notes a use by `ctx`, if it is one and none was noted within the last minute. Returns at once.
    pub(super) fn note(&self, identity: &Identity, ctx: &Ctx) {
        let Actor::ApiKey { user_id, key_id } = ctx.actor else {
            return;
        };
        let at = identity.ambient.now();
        if !self.is_due(key_id, at) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.writers).try_acquire_owned() else {
            return;
        };
        self.remember(key_id, at);
        let used = KeyUse {
            key_id,
            organization_id: ctx.organization_id,
            user_id,
            at,
            ip: ctx.origin.ip.map(|ip| Secret::new(ip.to_string())),
        };
        let identity = identity.clone();
        actix_web::rt::spawn(async move {
            if let Err(error) = note_use(&identity, used).await {
                tracing::debug!("the use of an API key was not noted: {}", error.chain());
            }
            drop(permit);
        });
    }

    fn is_due(&self, key: ApiKeyId, at: Timestamp) -> bool {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get(&key).is_none_or(|last| at.since(*last) >= NOTED_EVERY)
    }

    fn remember(&self, key: ApiKeyId, at: Timestamp) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= REMEMBERED {
            noted.retain(|_, last| at.since(*last) < NOTED_EVERY);
        }
        if noted.len() >= REMEMBERED {
            noted.clear();
        }
        noted.insert(key, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> ApiKeyId {
        ApiKeyId::from_uuid(uuid::Uuid::from_u128(u128::try_from(number).unwrap()))
    }

    #[test]
    fn a_use_is_noted_once_a_minute() {
        let uses = KeyUses::default();
        let then = Timestamp::from_secs(1_000);
        assert!(uses.is_due(key(1), then));
        uses.remember(key(1), then);
        assert!(!uses.is_due(key(1), Timestamp::from_secs(1_059)));
        assert!(uses.is_due(key(1), Timestamp::from_secs(1_060)));
        assert!(uses.is_due(key(2), then));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let uses = KeyUses::default();
        for number in 0..3 * REMEMBERED {
            uses.remember(key(number), Timestamp::from_secs(1_000));
            assert!(uses.noted.lock().unwrap().len() <= REMEMBERED);
        }
    }
}
