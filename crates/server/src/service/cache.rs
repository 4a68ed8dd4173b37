//! The cache that the configuration names.

use std::sync::Arc;

use vutf_cache_redis::{RedisCache, RedisOptions, Start};
use vutf_kernel::{Cache, MemoryCache};

use super::StartError;
use crate::config::Config;

/// A Redis that is down does not keep the service from starting: it degrades, and recovers by itself.
pub(crate) async fn connect(config: &Config) -> Result<Arc<dyn Cache>, StartError> {
    let Some(url) = &config.cache.url else {
        return Ok(Arc::new(MemoryCache::new(config.cache.memory_entries as usize)));
    };
    let options = RedisOptions {
        timeout: config.cache.timeout,
        start: Start::Degraded,
        breaker: config.breaker_options(),
        ..RedisOptions::default()
    };
    let cache = RedisCache::connect(url.secret(), options)
        .await
        .map_err(StartError::Cache)?;
    if let Err(error) = cache.ping().await {
        tracing::warn!(error = %error, "cache not reachable yet; going on without it");
    }
    Ok(Arc::new(cache))
}
