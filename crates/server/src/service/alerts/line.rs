//! An alert as a line of the log, under a target of its own.

use async_trait::async_trait;
use vutf_audit::analysis::alert::{AlertSink, QueuedAlert, Sink, Undelivered};

pub(super) struct Line;

#[async_trait]
impl AlertSink for Line {
    fn sink(&self) -> Sink {
        Sink::Log
    }

    async fn deliver(&self, alert: &QueuedAlert) -> Result<(), Undelivered> {
        let found = &alert.detection;
        tracing::warn!(
            target: "vutf_server::alerts",
            id = %found.id,
            rule = found.rule,
            severity = found.severity.as_str(),
            key = found.key,
            first_seq = found.first_seq,
            last_seq = found.last_seq,
            events = found.events,
            "{}",
            found.title
        );
        Ok(())
    }
}
