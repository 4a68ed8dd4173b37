//! The service's loop, as `server/src/service/sequencer.rs` has it: woken by each commit, signing, noting the head in a file beside.

use std::{
    collections::HashMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle, time::Instant};
use uuid::Uuid;
use vutf_audit::{
    Batch, CheckpointSigner as _, Edge, NotedHead, SEQUENCER_LEASE, Sequencing, advance_signed,
    sequence_after,
};
use vutf_kernel::{Clock as _, Lease, Leases as _, SystemClock};
use vutf_store_seaorm::SeaStore;

use crate::site::Site;

/// The defaults of the service's settings.
const BATCH: u32 = 1_000;
const INTERVAL: Duration = Duration::from_millis(20);
const REST: Duration = Duration::from_millis(5);
const LEASE: Duration = Duration::from_secs(10);
const KEEP_EVERY: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A checkpoint: how many entries it covers, and when its transaction was committed.
pub(crate) type Signed = (u64, Instant);

pub(crate) struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<(Vec<Signed>, u64)>,
}

impl Running {
    /// Ends it when nothing is pending any more; every checkpoint, and how many passes there were.
    pub(crate) async fn finish(self) -> (Vec<Signed>, u64) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap()
    }
}

pub(crate) fn start(site: &Arc<Site>) -> Running {
    let (stop, stopped) = watch::channel(false);
    Running {
        stop,
        task: tokio::spawn(run(Arc::clone(site), stopped)),
    }
}

struct Loop {
    site: Arc<Site>,
    store: SeaStore,
    lease: Option<Lease>,
    noted: Option<NotedHead>,
    edge: Edge,
    signed: Vec<Signed>,
    passes: u64,
    look_at: Instant,
    keeper: watch::Sender<Option<NotedHead>>,
}

async fn run(site: Arc<Site>, mut stopped: watch::Receiver<bool>) -> (Vec<Signed>, u64) {
    let home = tempfile::tempdir().unwrap();
    let (keeper, heads) = watch::channel(None);
    let keeping = tokio::spawn(keep(home.path().join("audit-head"), heads));
    let appended = site.store.appended();
    let mut run = Loop {
        store: site.store.aside(),
        site,
        lease: None,
        noted: None,
        edge: Edge::default(),
        signed: Vec::new(),
        passes: 0,
        look_at: Instant::now(),
        keeper,
    };
    let mut next = Instant::now();
    let mut rested = next;
    while !*stopped.borrow() {
        tokio::time::sleep_until(next.min(rested)).await;
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = appended.notified(), if run.lease.is_some() => {}
            _ = stopped.changed() => break,
        }
        let more = run.step().await;
        next = Instant::now() + if more { Duration::ZERO } else { INTERVAL };
        rested = Instant::now() + REST;
    }
    while run.step().await {}
    run.store.release(run.lease.as_ref().unwrap()).await.unwrap();
    drop(run.keeper);
    keeping.await.unwrap();
    (run.signed, run.passes)
}

impl Loop {
    async fn step(&mut self) -> bool {
        if Instant::now() >= self.look_at {
            let keys = self.site.signer.verifiers().unwrap();
            advance_signed(&self.store, self.noted.as_ref(), &keys)
                .await
                .unwrap();
            self.store.audit_lag().await.unwrap();
            self.look_at = Instant::now() + LOOK_EVERY;
        }
        let now = SystemClock.now();
        if self
            .lease
            .as_ref()
            .is_none_or(|lease| lease.expires_at.since(now) < LEASE / 2)
        {
            let store = &self.store;
            let granted = store
                .acquire(SEQUENCER_LEASE, Uuid::from_u128(9), now, LEASE)
                .await;
            self.lease = granted.unwrap();
        }
        let how = Sequencing {
            limit: BATCH,
            noted: self.noted.as_ref().map(|noted| noted.anchor),
            signer: Some(&self.site.signer),
            keep_every: KEEP_EVERY,
            now,
        };
        let lease = self.lease.as_ref().expect("nobody else holds the lease");
        let batch = sequence_after(&self.store, lease, &how, &mut self.edge).await;
        let Batch::Placed(placed, head) = batch.unwrap() else {
            panic!("nobody else places events");
        };
        self.passes += 1;
        if let Some(head) = head.filter(|head| self.noted.as_ref() != Some(head)) {
            let size = u64::try_from(head.anchor.seq + 1).unwrap();
            self.signed.push((size, Instant::now()));
            self.keeper.send_replace(Some(head.clone()));
            self.noted = Some(head);
        }
        placed == BATCH
    }
}

/// As the service's file does: complete, and on the disk.
async fn keep(path: PathBuf, mut heads: watch::Receiver<Option<NotedHead>>) {
    while heads.changed().await.is_ok() {
        let Some(head) = heads.borrow_and_update().clone() else {
            continue;
        };
        let path = path.clone();
        tokio::task::spawn_blocking(move || write(&path, &head))
            .await
            .unwrap();
    }
}

fn write(path: &Path, head: &NotedHead) {
    let draft = path.with_extension("draft");
    let mut file = fs::File::create(&draft).unwrap();
    write!(file, "{head}").unwrap();
    file.sync_all().unwrap();
    fs::rename(&draft, path).unwrap();
    fs::File::open(path.parent().unwrap())
        .unwrap()
        .sync_all()
        .unwrap();
}

/// Microseconds from each commit to the checkpoint that covers it, sorted. `places` are the numbers of the events.
pub(crate) fn delays(
    committed: &HashMap<Uuid, Instant>,
    places: &HashMap<Uuid, u64>,
    signed: &[Signed],
) -> Vec<u64> {
    let mut delays: Vec<u64> = committed
        .iter()
        .map(|(event, at)| {
            let place = places.get(event).expect("every acknowledged event has its place");
            let covering = signed.partition_point(|(size, _)| size <= place);
            let (_, when) = signed
                .get(covering)
                .expect("every place is covered by a checkpoint");
            u64::try_from(when.saturating_duration_since(*at).as_micros()).unwrap()
        })
        .collect();
    delays.sort_unstable();
    delays
}
