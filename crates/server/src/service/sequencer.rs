//! The sequencer's loop: one replica at a time, by lease, gives committed events their place in the log; all of them hold the
//! log against the head that each has noted outside of the database.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::Instant,
};
use uuid::Uuid;
use vutf_app::KeyReloader;
use vutf_audit::{
    Advance, AdvanceHead, Batch, CheckpointSigner, Edge, Finding, FindingKind, NotedHead, SEQUENCER_LEASE,
    SequenceError, Sequencing, advance, advance_signed, sequence_after,
};
use vutf_kernel::{Ambient, Fault, Lease, Leases, PortError, id::uuid_v7};
use vutf_store_seaorm::SeaStore;

use super::{
    Service,
    audit_head::{self, HeadStore},
    head_keeper::HeadKeeper,
    reload::Reload,
    sequencer_status::SequencerStatus,
};
use crate::config;

/// How long the loop leaves the database to those who write, unless it is behind: a pass costs the same whether it places one
/// event or a hundred. A tenth of what a checkpoint may take (`cargo xtask bench audit`).
const REST: Duration = Duration::from_millis(5);
/// How often a replica looks at the log although it has nothing to place.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a loop that refuses waits before it looks whether an operator has mended it.
const REFUSED_WAIT: Duration = Duration::from_secs(1);
/// How long after the last event the loop looks for the next ones of other replicas as often as while they flow.
const LIVELY_FOR: Duration = Duration::from_secs(5);
/// How long a stop waits for transactions of others that hold back what is pending.
const DRAIN: Duration = Duration::from_secs(3);
/// How much less often it looks after that.
const CALM: u32 = 10;

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
    signer: Arc<dyn CheckpointSigner>,
    reloader: Arc<dyn KeyReloader>,
    holder: Uuid,
    lease: Option<Lease>,
    status: Arc<SequencerStatus>,
    heads: Arc<dyn HeadStore>,
    keeper: HeadKeeper,
    noted: Option<NotedHead>,
    edge: Edge,
    look_at: Instant,
    lively_until: Instant,
    /// No pass before, except when there is more to place at once.
    rested: Instant,
    /// What was told last, so that it is told once.
    told: Option<String>,
}

pub(super) fn spawn(service: &Service, signer: Arc<dyn CheckpointSigner>) -> Sequencer {
    let status = Arc::new(SequencerStatus::default());
    let heads = audit_head::open(&service.config, &service.cache);
    let (stop, stopped) = watch::channel(false);
    let run = Loop {
        store: service.store.aside(),
        ambient: service.ambient.clone(),
        settings: service.config.audit.clone(),
        signer,
        reloader: Arc::new(Reload::new(service)),
        holder: uuid_v7(service.ambient.clock(), &mut *service.ambient.entropy()),
        lease: None,
        status: Arc::clone(&status),
        keeper: HeadKeeper::spawn(Arc::clone(&heads), Arc::clone(&status)),
        heads,
        noted: None,
        edge: Edge::default(),
        look_at: Instant::now(),
        lively_until: Instant::now(),
        rested: Instant::now(),
        told: None,
    };
    let appended = service.store.appended();
    Sequencer {
        status,
        stop,
        task: tokio::spawn(run.run(appended, stopped)),
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
    async fn run(mut self, appended: Arc<Notify>, mut stopped: watch::Receiver<bool>) {
        self.recall().await;
        let mut next = Instant::now();
        while !*stopped.borrow() {
            tokio::select! {
                () = tokio::time::sleep_until(next.min(self.rested)) => {}
                _ = stopped.changed() => break,
            }
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = appended.notified(), if self.lease.is_some() && !self.status.is_refused() => {}
                _ = stopped.changed() => break,
            }
            next = Instant::now() + self.turn().await;
            self.rested = Instant::now() + REST;
        }
        self.drain().await;
        self.release().await;
        self.keeper.finish().await;
    }

    /// Places what is pending. On PostgreSQL an event has no place before every transaction of the cluster that began earlier has
    /// ended, those of other databases too: they are waited for, but not for long.
    async fn drain(&mut self) {
        let until = Instant::now() + DRAIN;
        while !self.status.is_refused() {
            match self.step().await {
                Ok(true) => continue,
                // Another replica places what is left.
                Ok(false) if self.lease.is_none() => return,
                Ok(false) => {}
                Err(_) => return,
            }
            let left = self.store.audit_lag().await;
            if left.is_ok_and(|lag| lag.pending == 0) || Instant::now() >= until {
                return;
            }
            tokio::time::sleep(self.settings.sequencer_interval).await;
        }
    }

    /// One step; how long to wait for the next.
    async fn turn(&mut self) -> Duration {
        if self.status.is_refused() {
            // An operator may have accepted another head meanwhile, or put the right database back.
            self.look_at = Instant::now();
            if !self.recall().await {
                return REFUSED_WAIT;
            }
        }
        match self.step().await {
            Ok(more) => {
                self.accept();
                if more { Duration::ZERO } else { self.pause() }
            }
            Err(SequenceError::Port(error)) => self.failed(&error),
            Err(SequenceError::Tampered(found)) => {
                self.refuse(&found);
                self.release().await;
                REFUSED_WAIT
            }
        }
    }

    /// How long until the next look for events of other replicas.
    fn pause(&self) -> Duration {
        if Instant::now() < self.lively_until {
            self.settings.sequencer_interval
        } else {
            self.settings.sequencer_interval * CALM
        }
    }

    /// A look if one is due, and a batch. Whether there is more to do at once.
    async fn step(&mut self) -> Result<bool, SequenceError> {
        if Instant::now() >= self.look_at {
            self.look().await?;
        }
        self.pass().await
    }

    /// Whether the log still goes on from the noted head, and how far it has come.
    async fn look(&mut self) -> Result<(), SequenceError> {
        let keys = self.signer.verifiers()?;
        match advance_signed(&self.store, self.noted.as_ref(), &keys).await? {
            AdvanceHead::To(Some(head)) => self.note(head),
            AdvanceHead::To(None) => {}
            AdvanceHead::Found(found) => return Err(SequenceError::Tampered(found)),
        }
        let lag = self.store.audit_lag().await?;
        self.status.looked(lag, self.ambient.now());
        self.look_at = Instant::now() + LOOK_EVERY;
        Ok(())
    }

    /// Whoever takes the work over walks over what was placed since it last looked, entry by entry.
    async fn catch_up(&mut self) -> Result<(), SequenceError> {
        if let Some(noted) = &self.noted
            && let Advance::Found(found) = advance(&self.store, noted.anchor).await?
        {
            return Err(SequenceError::Tampered(found));
        }
        self.look().await
    }

    /// One batch, if this process holds the lease. Whether there is more to do at once.
    async fn pass(&mut self) -> Result<bool, SequenceError> {
        let now = self.ambient.now();
        self.renew(now).await?;
        let Some(lease) = self.lease.clone() else {
            return Ok(false);
        };
        let (placed, head) = match self.place(&lease).await {
            Err(SequenceError::Port(error)) if error.fault == Fault::Stale => {
                self.lease = None;
                return Ok(false);
            }
            Err(SequenceError::Tampered(found)) if found.kind == FindingKind::Forged => {
                // Another replica may have vouched with a key that is newer than those loaded here.
                self.reloader.reload().await;
                self.place(&lease).await?
            }
            other => other?,
        };
        let Some(placed) = placed else {
            self.catch_up().await?;
            return Ok(true);
        };
        self.status.worked(placed, now);
        if let Some(head) = head {
            self.note(head);
        }
        if placed > 0 {
            self.lively_until = Instant::now() + LIVELY_FOR;
        }
        Ok(placed == self.settings.sequencer_batch)
    }

    /// How many were placed, and the head then; no number when somebody else has placed some before.
    async fn place(&mut self, lease: &Lease) -> Result<(Option<u32>, Option<NotedHead>), SequenceError> {
        let how = Sequencing {
            limit: self.settings.sequencer_batch,
            noted: self.noted.as_ref().map(|noted| noted.anchor),
            signer: Some(&*self.signer),
            keep_every: self.settings.checkpoint_interval,
            now: self.ambient.now(),
        };
        Ok(
            match sequence_after(&self.store, lease, &how, &mut self.edge).await? {
                Batch::Placed(placed, head) => (Some(placed), head),
                Batch::Behind => (None, None),
            },
        )
    }

    async fn renew(&mut self, now: vutf_kernel::Timestamp) -> Result<(), PortError> {
        let lease = self.lease.as_ref();
        if lease.is_none_or(|lease| lease.expires_at.since(now) < self.settings.lease / 2) {
            let (holder, ttl) = (self.holder, self.settings.lease);
            let before = lease.map(|lease| lease.epoch);
            self.lease = self.store.acquire(SEQUENCER_LEASE, holder, now, ttl).await?;
            if let Some(lease) = self.lease.as_ref().filter(|lease| Some(lease.epoch) != before) {
                tracing::info!(%holder, epoch = lease.epoch, "this process sequences the audit log now");
            }
        }
        Ok(())
    }

    async fn release(&mut self) {
        self.edge = Edge::default();
        if let Some(lease) = self.lease.take()
            && let Err(error) = self.store.release(&lease).await
        {
            tracing::warn!(error = %error, "the sequencer's lease could not be given back; it expires by itself");
        }
    }

    /// Reads the noted head. One that cannot be read is no reason to trust any head.
    async fn recall(&mut self) -> bool {
        match self.heads.read().await {
            // What was noted and is gone now was not accepted by anybody: a process that refuses keeps what it knows.
            Ok(None) if self.status.is_refused() && self.noted.is_some() => {
                self.tell(format!(
                    "{} is gone; run `violentutf-api audit accept-head`, and restart if the log is empty on purpose",
                    self.heads.place()
                ));
                false
            }
            Ok(noted) => {
                self.noted = noted;
                true
            }
            Err(error) => {
                self.tell(format!(
                    "{} cannot be read: {error}; put it back, or run `violentutf-api audit accept-head`",
                    self.heads.place()
                ));
                false
            }
        }
    }

    /// After the commit: a head that was noted and is not in the log would look like one that was cut off.
    fn note(&mut self, head: NotedHead) {
        let same = self.noted.as_ref() == Some(&head);
        // What all replicas share is noted by the one that places.
        if (!same || self.status.is_unnoted()) && (self.lease.is_some() || !self.heads.is_shared()) {
            self.keeper.note(head.clone());
        }
        self.noted = Some(head);
    }

    fn accept(&mut self) {
        if self.told.take().is_some() {
            tracing::warn!(head = self.heads.place(), "the audit log is sequenced again");
        }
        self.status.set_refused(false);
    }

    fn refuse(&mut self, found: &Finding) {
        self.tell(format!(
            "{found} (noted in {}); if an older database was restored on purpose, run `violentutf-api audit accept-head`, \
             otherwise keep the database as evidence and restore it",
            self.heads.place()
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
