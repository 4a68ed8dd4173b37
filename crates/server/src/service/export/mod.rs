//! The audit log leaves as it grows: one loop a sink, one replica at a time by lease.
//!
//! Invariants:
//! - **At least once, in order.** A sink's position moves after its receiver acknowledged, by compare-and-set under the lease.
//!   A process that dies in between sends again what was sent; nobody skips anything.
//! - **Nothing that does not follow is sent.** A sink whose next entry does not chain to its position stands, says so once as
//!   an event, and looks again until the log fits or an operator resets it.
//! - **A receiver that is down costs one batch of memory.** It is tried again with growing pauses; the log itself is the queue.

mod file;
mod http;
mod run;
mod sink;
mod status;
mod syslog;
mod tls;

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle};

use self::run::Loop;
pub(super) use self::status::ExportStatus;
use super::Service;
use crate::{config::Config, telemetry::Metrics};

/// The loops and the way to end them.
pub(super) struct Exporters {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// The state of every sink that is configured, before any works.
pub(super) fn statuses(config: &Config) -> Vec<Arc<ExportStatus>> {
    let sinks = sink::all(&config.audit.export).into_iter();
    sinks.map(|_| Arc::default()).collect()
}

/// Begins to export to every sink that is configured.
pub(super) fn spawn(service: &Service, metrics: &Arc<Metrics>, statuses: &[Arc<ExportStatus>]) -> Exporters {
    let (stop, stopped) = watch::channel(false);
    let sinks = sink::all(&service.config.audit.export).into_iter();
    let tasks = sinks
        .zip(statuses)
        .map(|(sink, status)| {
            let exporter = Loop::new(service, sink, Arc::clone(status), Arc::clone(metrics));
            tokio::spawn(exporter.run(stopped.clone()))
        })
        .collect();
    Exporters { stop, tasks }
}

impl Exporters {
    /// Lets the batches under way be acknowledged, gives the leases back, and ends.
    pub(super) async fn finish(self, patience: Duration) {
        let _ended_already = self.stop.send(true);
        let all = futures_util::future::join_all(self.tasks);
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!(
                "an export of the audit log did not end in time; what was sent is sent again after the next start"
            );
        }
    }
}
