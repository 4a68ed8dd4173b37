//! Positions of sinks in memory.

use super::{
    AuditTx, EventSink, ExportStore, ExportTx, Fault, Lease, MemoryLog, MemoryTx, PortError, Position, State,
    Transaction, async_trait,
};

struct MemoryExportTx {
    inner: MemoryTx,
    lease: Option<Lease>,
    kept: Vec<(Option<Position>, Position)>,
}

#[async_trait]
impl ExportStore for MemoryLog {
    async fn positions(&self) -> Result<Vec<Position>, PortError> {
        Ok(self.lock().positions.values().cloned().collect())
    }

    async fn position(&self, sink: &str) -> Result<Option<Position>, PortError> {
        Ok(self.lock().positions.get(sink).cloned())
    }

    async fn begin_export(&self, lease: Option<&Lease>) -> Result<Box<dyn ExportTx>, PortError> {
        let tx = MemoryExportTx {
            inner: self.begin_tx(),
            lease: lease.cloned(),
            kept: Vec::new(),
        };
        tx.fence(&self.lock())?;
        Ok(Box::new(tx))
    }
}

impl MemoryExportTx {
    fn fence(&self, state: &State) -> Result<(), PortError> {
        let Some(lease) = &self.lease else {
            return Ok(());
        };
        let held = state.leases.get(&lease.name);
        if held.is_some_and(|held| held.holder == lease.holder && held.epoch == lease.epoch) {
            return Ok(());
        }
        Err(stale("the lease was overtaken"))
    }
}

#[async_trait]
impl ExportTx for MemoryExportTx {
    async fn keep(&mut self, before: Option<&Position>, now: &Position) -> Result<(), PortError> {
        let there = self.inner.log.lock().positions.get(&now.sink).cloned();
        if there.as_ref() != before {
            return Err(stale("the position was moved"));
        }
        self.kept.push((before.cloned(), now.clone()));
        Ok(())
    }
}

impl AuditTx for MemoryExportTx {
    fn log(&mut self) -> &mut dyn EventSink {
        &mut self.inner
    }
}

#[async_trait]
impl Transaction for MemoryExportTx {
    async fn commit(self: Box<Self>) -> Result<(), PortError> {
        let log = self.inner.log.clone();
        // One lock from the look to the change: of two that move one position, one is refused.
        let mut state = log.lock();
        self.fence(&state)?;
        let moved =
            |(before, now): &(Option<Position>, Position)| state.positions.get(&now.sink) != before.as_ref();
        if self.kept.iter().any(moved) {
            return Err(stale("the position was moved"));
        }
        self.inner.settle_in(&mut state)?;
        for (_, now) in self.kept {
            state.positions.insert(now.sink.clone(), now);
        }
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), PortError> {
        Ok(())
    }
}

fn stale(cause: &'static str) -> PortError {
    PortError::new("audit.exports", Fault::Stale, cause)
}
