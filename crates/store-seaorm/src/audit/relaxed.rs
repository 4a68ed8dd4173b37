//! Reads that are answered although their event waits: only for the actions that an operator has named.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use vutf_kernel::{Event, EventRecorder, Outcome, PortError, Receipts};

use super::Backlog;

/// How long an answer waits for its event before it is given without.
const PATIENCE: Duration = Duration::from_millis(250);

/// Records like the recorder under it, but takes events of some actions itself when that one cannot. Refusals are never among
/// them: what a rule is enforced by must not go on without its record.
pub struct RelaxedRecorder {
    strict: Arc<dyn EventRecorder>,
    backlog: Arc<Backlog>,
    actions: BTreeSet<&'static str>,
}

impl RelaxedRecorder {
    /// Over `strict`; what it does not take of `actions` goes to `backlog`.
    pub fn new(
        strict: Arc<dyn EventRecorder>,
        backlog: Arc<Backlog>,
        actions: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        Self {
            strict,
            backlog,
            actions: actions.into_iter().collect(),
        }
    }

    fn may_wait(&self, event: &Event) -> bool {
        event.outcome == Outcome::Success && self.actions.contains(&*event.action)
    }

    fn defer(&self, event: Event) {
        let mut receipts = Receipts::default();
        receipts.expect(&event);
        self.backlog.defer(event);
        receipts.confirm();
    }
}

#[async_trait]
impl EventRecorder for RelaxedRecorder {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        if !self.may_wait(&event) {
            return self.strict.record(event).await;
        }
        if self.backlog.waiting() == 0 {
            let own = event.clone();
            // One that comes too late is the same event: it is recorded once.
            if let Ok(Ok(())) = tokio::time::timeout(PATIENCE, self.strict.record(own)).await {
                return Ok(());
            }
        }
        self.defer(event);
        Ok(())
    }
}
