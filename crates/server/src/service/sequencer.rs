//! The sequencer's loop: one replica at a time, by lease, gives committed events their place in the log; all of them hold the
//! log against the head that each has noted outside of the database.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle, time::Instant};
use uuid::Uuid;
use vutf_audit::{
    Advance, Anchor, Batch, Finding, LogReader as _, SEQUENCER_LEASE, SequenceError, advance, sequence_after,
};
use vutf_kernel::{Ambient, Fault, Lease, Leases, PortError, id::uuid_v7};
use vutf_store_seaorm::SeaStore;

use super::{audit_head::HeadFile, sequencer_status::SequencerStatus};
use crate::config;

/// How often a replica looks at the log although it has nothing to place.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a loop that refuses waits before it looks whether an operator has mended it.
const REFUSED_WAIT: Duration = Duration::from_secs(1);

/// The loop and the way to end it.
pub(super) struct Sequencer {
    pub(super) status: Arc<SequencerStatus>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Loop {
    store: SeaStore,
    ambient: Ambient,
    settings: config::Audit,
    holder: Uuid,
    lease: Option<Lease>,
    status: Arc<SequencerStatus>,
    file: HeadFile,
    noted: Option<Anchor>,
    look_at: Instant,
    /// What was told last, so that it is told once.
    told: Option<String>,
}

pub(super) fn spawn(store: SeaStore, ambient: Ambient, settings: config::Audit, file: HeadFile) -> Sequencer {
    let status = Arc::new(SequencerStatus::default());
    let holder = uuid_v7(ambient.clock(), &mut *ambient.entropy());
    let (stop, stopped) = watch::channel(false);
    let run = Loop {
        store,
        ambient,
        settings,
        holder,
        lease: None,
        status: Arc::clone(&status),
        file,
        noted: None,
        look_at: Instant::now(),
        told: None,
    };
    Sequencer {
        status,
        stop,
        task: tokio::spawn(run.run(stopped)),
    }
}

impl Sequencer {
    /// Places what is pending, gives the lease back, and ends.
    pub(super) async fn finish(self, patience: Duration) {
        let _ended_already = self.stop.send(true);
        if tokio::time::timeout(patience, self.task).await.is_err() {
            tracing::warn!(
                "the sequencer did not finish in time; what is pending is placed after the next start"
            );
        }
    }
}

impl Loop {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        self.recall();
        let mut next = Instant::now();
        while !*stopped.borrow() {
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                _ = stopped.changed() => break,
            }
            next = Instant::now() + self.turn().await;
        }
        while !self.status.is_refused() && matches!(self.step().await, Ok(true)) {}
        self.release().await;
    }

    /// One step; how long to wait for the next.
    async fn turn(&mut self) -> Duration {
        if self.status.is_refused() {
            // An operator may have accepted another head meanwhile, or put the right database back.
            self.look_at = Instant::now();
            if !self.recall() {
                return REFUSED_WAIT;
            }
        }
        match self.step().await {
            Ok(more) => {
                self.accept();
                if more {
                    Duration::ZERO
                } else {
                    self.settings.sequencer_interval
                }
            }
            Err(SequenceError::Port(error)) => self.failed(&error),
            Err(SequenceError::Tampered(found)) => {
                self.refuse(&found);
                self.release().await;
                REFUSED_WAIT
            }
        }
    }

    /// A look if one is due, and a batch. Whether there is more to do at once.
    async fn step(&mut self) -> Result<bool, SequenceError> {
        if Instant::now() >= self.look_at {
            self.look().await?;
        }
        self.pass().await
    }

    /// Whether the log still follows from the noted head, and how far it has come.
    async fn look(&mut self) -> Result<(), SequenceError> {
        let known = match self.noted {
            Some(noted) => Some(noted),
            // The first time, whatever head there is counts.
            None => self.store.head().await?.map(|leaf| Anchor::of(&leaf)),
        };
        if let Some(known) = known {
            match advance(&self.store, known).await? {
                Advance::To(head) => self.note(head).await,
                Advance::Found(found) => return Err(SequenceError::Tampered(found)),
            }
        }
        let lag = self.store.audit_lag().await?;
        self.status.looked(lag, self.ambient.now());
        self.look_at = Instant::now() + LOOK_EVERY;
        Ok(())
    }

    /// One batch, if this process holds the lease. Whether there is more to do at once.
    async fn pass(&mut self) -> Result<bool, SequenceError> {
        let now = self.ambient.now();
        let renew = self
            .lease
            .as_ref()
            .is_none_or(|lease| lease.expires_at.since(now) < self.settings.lease / 2);
        if renew {
            self.lease = self
                .store
                .acquire(SEQUENCER_LEASE, self.holder, now, self.settings.lease)
                .await?;
        }
        let Some(lease) = &self.lease else {
            return Ok(false);
        };
        let limit = self.settings.sequencer_batch;
        let (placed, head) = match sequence_after(&self.store, lease, limit, self.noted).await {
            Err(SequenceError::Port(error)) if error.fault == Fault::Stale => {
                self.lease = None;
                return Ok(false);
            }
            Ok(Batch::Behind) => {
                // Another replica was the last at work.
                self.look_at = Instant::now();
                return Ok(true);
            }
            Ok(Batch::Placed(placed, head)) => (placed, head),
            Err(error) => return Err(error),
        };
        self.status.worked(placed, now);
        if let Some(head) = head {
            self.note(head).await;
        }
        Ok(placed == limit)
    }

    async fn release(&mut self) {
        if let Some(lease) = self.lease.take()
            && let Err(error) = self.store.release(&lease).await
        {
            tracing::warn!(error = %error, "the sequencer's lease could not be given back; it expires by itself");
        }
    }

    /// Reads the noted head from its file. A file that cannot be read is no reason to trust any head.
    fn recall(&mut self) -> bool {
        match self.file.read() {
            Ok(noted) => {
                self.noted = noted;
                true
            }
            Err(error) => {
                self.tell(format!(
                    "{} cannot be read: {error}; put it back, or run `violentutf-api audit accept-head`",
                    self.file.path().display()
                ));
                false
            }
        }
    }

    /// After the commit: a head that was noted and is not in the log would look like one that was cut off.
    async fn note(&mut self, head: Anchor) {
        if self.noted == Some(head) && !self.status.is_unnoted() {
            return;
        }
        self.noted = Some(head);
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || file.write(head)).await;
        let failed = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let (Some(error), false) = (&failed, self.status.is_unnoted()) {
            tracing::error!(error, file = %self.file.path().display(), "the audit head cannot be noted; trying again");
        }
        self.status.set_unnoted(failed.is_some());
    }

    fn accept(&mut self) {
        if self.told.take().is_some() {
            tracing::warn!(file = %self.file.path().display(), "the audit log is sequenced again");
        }
        self.status.set_refused(false);
    }

    fn refuse(&mut self, found: &Finding) {
        self.tell(format!(
            "{found} (noted in {}); if an older database was restored on purpose, run `violentutf-api audit accept-head`, \
             otherwise keep the database as evidence and restore it",
            self.file.path().display()
        ));
    }

    fn tell(&mut self, problem: String) {
        self.status.set_refused(true);
        if self.told.as_ref() != Some(&problem) {
            tracing::error!(
                "the audit log is not the one that was noted, and nothing is sequenced: {problem}"
            );
            self.told = Some(problem);
        }
    }

    fn failed(&mut self, error: &PortError) -> Duration {
        if self.status.failed() == 1 {
            tracing::error!(error = %error.chain(), "audit events cannot be sequenced; trying again");
        }
        self.settings.sequencer_interval.max(Duration::from_millis(500))
    }
}
