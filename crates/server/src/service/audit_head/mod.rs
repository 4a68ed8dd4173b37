//! The head of the audit log, noted where whoever can write to the database alone cannot reach it.

mod file;
mod shared;

use std::sync::Arc;

use async_trait::async_trait;
use vutf_audit::NotedHead;
use vutf_kernel::Cache;

use self::{file::HeadFile, shared::SharedHead};
use crate::config::{Config, HeadPlace};

/// Why a head cannot be read or noted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct HeadError(pub(crate) String);

/// Where heads are noted.
#[async_trait]
pub(crate) trait HeadStore: Send + Sync {
    /// `None` when nothing was noted yet. What says nothing is an error: it must not count as nothing.
    async fn read(&self) -> Result<Option<NotedHead>, HeadError>;
    /// Complete or not at all, and there to stay when this returns.
    async fn write(&self, head: &NotedHead) -> Result<(), HeadError>;
    /// Forgets the head.
    async fn remove(&self) -> Result<(), HeadError>;
    /// For messages.
    fn place(&self) -> String;
    /// Whether other replicas note theirs at the same place.
    fn is_shared(&self) -> bool;
}

/// The place that the configuration names.
pub(crate) fn open(config: &Config, cache: &Arc<dyn Cache>) -> Arc<dyn HeadStore> {
    match config.audit.head_store {
        HeadPlace::File => Arc::new(HeadFile::within(&config.data_dir)),
        HeadPlace::Cache => Arc::new(SharedHead::new(Arc::clone(cache))),
    }
}

#[async_trait]
impl HeadStore for HeadFile {
    async fn read(&self) -> Result<Option<NotedHead>, HeadError> {
        let file = self.clone();
        on_disk(move || file.read()).await
    }

    async fn write(&self, head: &NotedHead) -> Result<(), HeadError> {
        let (file, head) = (self.clone(), head.clone());
        on_disk(move || Self::write(&file, &head)).await
    }

    async fn remove(&self) -> Result<(), HeadError> {
        let file = self.clone();
        on_disk(move || Self::remove(&file)).await
    }

    fn place(&self) -> String {
        self.path().display().to_string()
    }

    fn is_shared(&self) -> bool {
        false
    }
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, HeadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| HeadError(error.to_string()))?
        .map_err(|error| HeadError(error.to_string()))
}
