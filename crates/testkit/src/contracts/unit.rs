//! The service's store and unit of work, as the contracts see them.

use async_trait::async_trait;
use vutf_app::UnitOfWork;
use vutf_audit::{
    AuditTx, LogReader, SequencerStore,
    analysis::{AnalysisReader, AnalysisUnit, OriginReader},
};
use vutf_crypto_keys::{
    KeyReader, KeyRepo, KeysTx, LifecycleRepo,
    job::{JobReader, JobRepo, JobsTx, SealedRows},
};
use vutf_identity::IdentityStore;
use vutf_kernel::{EventSink, Leases, PortError, Transaction, Units};

/// A database with every port of the service.
pub trait Store:
    Units<dyn UnitOfWork>
    + Units<dyn AnalysisUnit>
    + AnalysisReader
    + OriginReader
    + IdentityStore
    + SequencerStore
    + LogReader
    + KeyReader
    + JobReader
    + SealedRows
    + Leases
{
}

impl<T> Store for T where
    T: Units<dyn UnitOfWork>
        + Units<dyn AnalysisUnit>
        + AnalysisReader
        + OriginReader
        + IdentityStore
        + SequencerStore
        + LogReader
        + KeyReader
        + JobReader
        + SealedRows
        + Leases
{
}

pub(super) struct Unit(pub(super) Box<dyn UnitOfWork>);

#[async_trait]
impl Transaction for Unit {
    async fn commit(self: Box<Self>) -> Result<(), PortError> {
        self.0.commit().await
    }
    async fn rollback(self: Box<Self>) -> Result<(), PortError> {
        self.0.rollback().await
    }
}

impl AuditTx for Unit {
    fn log(&mut self) -> &mut dyn EventSink {
        self.0.log()
    }
}

impl KeysTx for Unit {
    fn keys(&mut self) -> &mut dyn KeyRepo {
        self.0.keys()
    }
    fn lifecycle(&mut self) -> &mut dyn LifecycleRepo {
        self.0.lifecycle()
    }
    fn events(&mut self) -> &mut dyn EventSink {
        KeysTx::events(&mut *self.0)
    }
}

impl JobsTx for Unit {
    fn jobs(&mut self) -> &mut dyn JobRepo {
        self.0.jobs()
    }
}
