//! Password hashing off the async workers, behind a bounded queue: a storm of sign-ins costs its own callers time, and
//! nobody else theirs.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vutf_identity::password::{
    Argon2Params, Argon2Scheme, Assess, HashError, HashPermit, PasswordHasher, PasswordPolicy, Strength,
    Verification,
};
use vutf_kernel::{PortError, Secret};

use self::threads::Threads;
use super::StartError;
use crate::config::Config;

mod threads;

/// Argon2id on threads of its own: so many at once, so many waiting, and no more.
pub(super) struct BoundedHasher {
    scheme: Arc<Argon2Scheme>,
    threads: Arc<Threads>,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
    used: AtomicBool,
}

impl BoundedHasher {
    fn holding(&self, held: OwnedSemaphorePermit) -> Permit {
        Permit {
            scheme: Arc::clone(&self.scheme),
            threads: Arc::clone(&self.threads),
            held: Arc::new(held),
        }
    }

    /// Callers in the queue.
    pub(super) fn depth(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Gives the buffers back (64 MiB each by default) if nothing was hashed since the last call.
    pub(super) fn release_if_idle(&self) {
        if !self.used.swap(false, Ordering::AcqRel) {
            self.scheme.release();
        }
    }
}

struct Permit {
    scheme: Arc<Argon2Scheme>,
    threads: Arc<Threads>,
    held: Arc<OwnedSemaphorePermit>,
}

pub(super) fn hasher(config: &Config) -> Result<Arc<BoundedHasher>, StartError> {
    let argon2 = &config.identity.argon2;
    let params = Argon2Params::new(argon2.memory_kib, argon2.iterations, argon2.parallelism)
        .map_err(|error| StartError::Hashing(error.to_string()))?;
    let permits = config.hash_permits();
    let threads = Threads::start(permits).map_err(|error| StartError::Hashing(error.to_string()))?;
    Ok(Arc::new(BoundedHasher {
        scheme: Arc::new(Argon2Scheme::new(params, permits)),
        threads: Arc::new(threads),
        permits: Arc::new(Semaphore::new(permits)),
        waiting: AtomicUsize::new(0),
        queue: config.identity.hash_queue as usize,
        used: AtomicBool::new(false),
    }))
}

/// Counts a caller out of the queue, also when the caller goes away while waiting.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[async_trait]
impl PasswordHasher for BoundedHasher {
    async fn permit(&self) -> Result<Box<dyn HashPermit>, HashError> {
        self.used.store(true, Ordering::Release);
        if let Ok(held) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(Box::new(self.holding(held)));
        }
        let ahead = self.waiting.fetch_add(1, Ordering::AcqRel);
        let _counted = Waiting(&self.waiting);
        if ahead >= self.queue {
            return Err(HashError::Busy);
        }
        let held = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| HashError::Busy)?;
        Ok(Box::new(self.holding(held)))
    }
}

#[async_trait]
impl HashPermit for Permit {
    async fn hash(&self, password: &Secret<String>, salt: [u8; 16]) -> Result<Secret<String>, HashError> {
        let (scheme, password) = (Arc::clone(&self.scheme), password.clone());
        self.off_the_workers("password.hash", move || scheme.hash(&password, salt))
            .await
    }

    async fn verify(
        &self,
        password: &Secret<String>,
        phc: Option<&Secret<String>>,
    ) -> Result<Verification, HashError> {
        let (scheme, password, phc) = (Arc::clone(&self.scheme), password.clone(), phc.cloned());
        self.off_the_workers("password.verify", move || scheme.verify(&password, phc.as_ref()))
            .await
    }

    async fn measure(&self, policy: &PasswordPolicy, asked: Assess) -> Result<Strength, HashError> {
        let policy = policy.clone();
        self.off_the_workers("password.measure", move || Ok(policy.measure(&asked)))
            .await
    }
}

impl Permit {
    /// The work keeps the permit: what a thread does cannot be cancelled, so a caller who goes away must not let another one in.
    async fn off_the_workers<T: Send + 'static>(
        &self,
        op: &'static str,
        work: impl FnOnce() -> Result<T, PortError> + Send + 'static,
    ) -> Result<T, HashError> {
        let held = Arc::clone(&self.held);
        let kept = move || {
            let done = work();
            drop(held);
            done
        };
        Ok(self.threads.run(op, kept).await??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(queue: usize) -> BoundedHasher {
        BoundedHasher {
            scheme: Arc::new(Argon2Scheme::new(Argon2Params::floor(), 1)),
            threads: Arc::new(Threads::start(1).unwrap()),
            permits: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
            queue,
            used: AtomicBool::new(false),
        }
    }

    #[tokio::test]
    async fn a_full_queue_is_refused_at_once_and_a_caller_who_leaves_frees_the_place() {
        let hasher = hasher(1);
        let held = hasher.permit().await.unwrap();
        let waiting = hasher.permit();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert!(matches!(hasher.permit().await, Err(HashError::Busy)));
        drop(held);
        let held = waiting.await.unwrap();
        let left = hasher.permit();
        {
            tokio::pin!(left);
            assert!(futures_util::poll!(&mut left).is_pending());
        }
        drop(held);
        assert!(hasher.permit().await.is_ok());
        assert_eq!(hasher.waiting.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn a_caller_who_leaves_while_a_hash_runs_keeps_its_place_until_it_is_done() {
        let hasher = hasher(0);
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (end, may_end) = std::sync::mpsc::channel::<()>();
        let held = Arc::clone(&hasher.permits).try_acquire_owned().unwrap();
        let permit = hasher.holding(held);
        let work = move || {
            begun.send(()).unwrap();
            may_end.recv().unwrap();
            Ok(())
        };
        let task = tokio::spawn(async move { permit.off_the_workers("test", work).await });
        tokio::task::spawn_blocking(move || has_begun.recv().unwrap())
            .await
            .unwrap();
        task.abort();
        assert!(task.await.is_err());
        assert!(matches!(hasher.permit().await, Err(HashError::Busy)));
        end.send(()).unwrap();
        while hasher.permits.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(hasher.permit().await.is_ok());
    }
}
