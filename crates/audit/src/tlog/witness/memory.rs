//! In-memory twin of what a witness keeps.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use vutf_kernel::PortError;

use super::{Contradiction, Cosigned, WitnessStore};
use crate::tlog::KeyName;

#[derive(Debug, Default)]
struct State {
    last: BTreeMap<KeyName, Cosigned>,
    evidence: Vec<Contradiction>,
}

/// A witness's memory that ends with the process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryWitness(Arc<Mutex<State>>);

impl MemoryWitness {
    /// The evidence that was kept.
    pub fn evidence(&self) -> Vec<Contradiction> {
        self.lock().evidence.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl WitnessStore for MemoryWitness {
    async fn last(&self, origin: &KeyName) -> Result<Option<Cosigned>, PortError> {
        Ok(self.lock().last.get(origin).cloned())
    }

    async fn replace(&self, last: Option<&Cosigned>, next: &Cosigned) -> Result<bool, PortError> {
        let mut state = self.lock();
        let origin = &next.checkpoint().origin;
        if state.last.get(origin) != last {
            return Ok(false);
        }
        state.last.insert(origin.clone(), next.clone());
        Ok(true)
    }

    async fn keep_evidence(&self, evidence: &Contradiction) -> Result<(), PortError> {
        let kept = &mut self.lock().evidence;
        if !kept.contains(evidence) {
            kept.push(evidence.clone());
        }
        Ok(())
    }
}
