//! The compliance checks of this instance.

use std::sync::Arc;

use vutf_compliance::{AppendOnlyCheck, CheckRegistry, DuplicateCheck};
use vutf_store_seaorm::{SeaAppendOnlyProbe, SeaStore};

/// Every check, over the real store.
pub(crate) fn all(store: &SeaStore) -> Result<CheckRegistry, DuplicateCheck> {
    let mut registry = CheckRegistry::default();
    let probe = SeaAppendOnlyProbe::new(store.clone());
    registry.register(Box::new(AppendOnlyCheck::new(Arc::new(probe))))?;
    Ok(registry)
}
