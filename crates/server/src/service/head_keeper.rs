//! Notes heads outside of the database beside the sequencer, which does not wait for a disk or a network that it does not need:
//! the newest head counts, and those that it overtakes are never written.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle};
use vutf_audit::NotedHead;

use super::{audit_head::HeadStore, sequencer_status::SequencerStatus};

/// How long it waits after a failure.
const AGAIN: Duration = Duration::from_millis(500);

/// The task that writes, and the way to it.
pub(super) struct HeadKeeper {
    newest: watch::Sender<Option<NotedHead>>,
    ending: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl HeadKeeper {
    pub(super) fn spawn(heads: Arc<dyn HeadStore>, status: Arc<SequencerStatus>) -> Self {
        let (newest, seen) = watch::channel(None);
        let ending = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(keep(heads, status, seen, Arc::clone(&ending)));
        Self { newest, ending, task }
    }

    /// The head to be written next.
    pub(super) fn note(&self, head: NotedHead) {
        self.newest.send_replace(Some(head));
    }

    /// Writes what is left, once, and ends.
    pub(super) async fn finish(self) {
        self.ending.store(true, Ordering::Relaxed);
        drop(self.newest);
        let _ended = self.task.await;
    }
}

async fn keep(
    heads: Arc<dyn HeadStore>,
    status: Arc<SequencerStatus>,
    mut seen: watch::Receiver<Option<NotedHead>>,
    ending: Arc<AtomicBool>,
) {
    loop {
        let open = seen.changed().await.is_ok();
        let head = seen.borrow_and_update().clone();
        if let Some(head) = head {
            while let Err(error) = heads.write(&head).await {
                if !status.is_unnoted() {
                    tracing::error!(error = %error, head = heads.place(), "the audit head cannot be noted; trying again");
                }
                status.set_unnoted(true);
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                tokio::time::sleep(AGAIN).await;
                if seen.has_changed().unwrap_or(true) {
                    break;
                }
            }
            if matches!(seen.has_changed(), Ok(false)) {
                status.set_unnoted(false);
            }
        }
        if !open {
            return;
        }
    }
}
