//! The head in the cache that all replicas share: Redis, apart from the database and kept by others.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use vutf_audit::NotedHead;
use vutf_kernel::{Cache, PortError};

use super::{HeadError, HeadStore};

const KEY: &str = "audit:head";

/// The longest that the cache keeps anything. Every batch notes the head anew.
const KEPT: Duration = Duration::from_hours(366 * 24);

/// A head in the cache.
pub(super) struct SharedHead {
    cache: Arc<dyn Cache>,
}

impl SharedHead {
    pub(super) fn new(cache: Arc<dyn Cache>) -> Self {
        Self { cache }
    }
}

#[async_trait]
impl HeadStore for SharedHead {
    async fn read(&self) -> Result<Option<NotedHead>, HeadError> {
        let Some(bytes) = self.cache.fetch(KEY).await.map_err(|error| failed(&error))? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes).map_err(|error| HeadError(error.to_string()))?;
        text.parse()
            .map(Some)
            .map_err(|error| HeadError(format!("{error}")))
    }

    async fn write(&self, head: &NotedHead) -> Result<(), HeadError> {
        let text = head.to_string();
        self.cache
            .put(KEY, text.as_bytes(), KEPT)
            .await
            .map_err(|error| failed(&error))
    }

    async fn remove(&self) -> Result<(), HeadError> {
        self.cache.remove(KEY).await.map_err(|error| failed(&error))
    }

    fn place(&self) -> String {
        format!("{KEY} in the cache")
    }

    fn is_shared(&self) -> bool {
        true
    }
}

fn failed(error: &PortError) -> HeadError {
    HeadError(error.chain())
}

#[cfg(test)]
mod tests {
    use vutf_audit::Anchor;
    use vutf_kernel::MemoryCache;

    use super::*;

    #[tokio::test]
    async fn what_was_written_last_is_read_and_what_says_nothing_is_not_nothing() {
        let cache = Arc::new(MemoryCache::default());
        let shared = SharedHead::new(Arc::clone(&cache) as _);
        assert_eq!(shared.read().await.unwrap(), None);
        for seq in [3, 70_000, 5] {
            let anchor = Anchor { seq, chain: [7; 32] };
            let head = NotedHead { anchor, note: None };
            shared.write(&head).await.unwrap();
            assert_eq!(shared.read().await.unwrap(), Some(head));
        }
        cache.put(KEY, b"7", KEPT).await.unwrap();
        assert!(shared.read().await.is_err());
        shared.remove().await.unwrap();
        assert_eq!(shared.read().await.unwrap(), None);
    }
}
