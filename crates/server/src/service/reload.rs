//! Keys that another replica made are loaded when a row names one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::sync::Mutex;
use vutf_app::{KeyReloader, keys::Keys};
use vutf_crypto_keys::{KeyWrapper, Keyring};
use vutf_kernel::Ambient;
use vutf_store_seaorm::SeaStore;

use super::Service;

/// Rows that name a key which does not exist must not turn into a storm of reloads.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Reload {
    store: SeaStore,
    wrapper: Arc<dyn KeyWrapper>,
    keyring: Arc<Keyring>,
    ambient: Ambient,
    settle: Duration,
    last: Mutex<Option<Instant>>,
}

impl Reload {
    pub(super) fn new(service: &Service) -> Self {
        Self {
            store: service.store.clone(),
            wrapper: Arc::clone(&service.wrapper),
            keyring: Arc::clone(&service.keyring),
            ambient: service.ambient.clone(),
            settle: service.keys().settle,
            last: Mutex::new(None),
        }
    }
}

#[async_trait]
impl KeyReloader for Reload {
    async fn reload(&self) -> bool {
        let mut last = self.last.lock().await;
        if last.is_some_and(|at| at.elapsed() < AT_MOST_EVERY) {
            // Somebody has just loaded them; that may be all that was missing.
            return true;
        }
        let keys = Keys {
            units: &self.store,
            reader: &self.store,
            wrapper: &*self.wrapper,
            keyring: &self.keyring,
            ambient: &self.ambient,
            settle: self.settle,
        };
        let loaded = keys.reload().await;
        *last = Some(Instant::now());
        if let Err(error) = &loaded {
            tracing::error!(error = %error, "keys could not be loaded");
        }
        loaded.is_ok()
    }
}
