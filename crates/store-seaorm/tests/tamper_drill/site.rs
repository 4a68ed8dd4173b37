//! A log that was written through the real store, and what is known of it from elsewhere.

use std::{sync::Arc, time::Duration};

use vutf_app::{KeyringCheckpointSigner, UnitOfWork, default_origin, keys::Keys};
use vutf_audit::{
    Anchor, Batch, CheckpointSigner, Edge, Expected, LogReader as _, NotedHead, Report, SEQUENCER_LEASE,
    Sequencing, sequence_after,
    tlog::{Checkpoint, VerifierKey},
    tree::open_checkpoint,
    verify_expecting,
};
use vutf_crypto_keys::{KeyWrapper, Keyring, memory::MemoryWrapper, plan_missing};
use vutf_kernel::{
    Actor, Ambient, Ctx, Env, Lease, Leases as _, OrganizationId, OsEntropy, RequestId, Secret, SystemClock,
    Timestamp, Units,
};
use vutf_store_seaorm::{SeaStore, StoreOptions, key_purposes};
use vutf_testkit::factory::Factory;

use super::tables::{Administrator, Dump};

const HOME: OrganizationId = OrganizationId::DEFAULT;
/// Events in a transaction, and events in a batch of the sequencer.
const TOGETHER: usize = 5;
const BATCH: usize = 40;
/// Every second checkpoint is kept.
const KEEP_EVERY: Duration = Duration::from_secs(10);
const BETWEEN: Duration = Duration::from_secs(6);

pub(crate) struct Site {
    store: SeaStore,
    /// Signs with the log's key.
    signer: KeyringCheckpointSigner,
    /// Signs as the same log with a key that nobody believes.
    pub(crate) rogue: KeyringCheckpointSigner,
    lease: Lease,
    edge: Edge,
    now: Timestamp,
    factory: Factory,
    pub(crate) administrator: Administrator,
    /// What the tables hold.
    pub(crate) dump: Dump,
    /// What they held before, whenever a batch had been placed.
    pub(crate) older: Vec<Dump>,
    pub(crate) noted: Noted,
}

/// What an auditor has noted outside of the database.
pub(crate) struct Noted {
    anchor: Anchor,
    checkpoint: Checkpoint,
    keys: Vec<VerifierKey>,
}

impl Noted {
    fn of(head: &NotedHead, keys: Vec<VerifierKey>) -> Self {
        let note = head.note.as_deref().expect("each batch is signed");
        Self {
            anchor: head.anchor,
            checkpoint: open_checkpoint(note, &keys).unwrap(),
            keys,
        }
    }
}

impl Site {
    /// A log of at least `events` events at `url`, where the schema is or can be made.
    pub(crate) async fn make(url: &str, events: usize, seed: u64) -> Self {
        let keyring = Arc::new(Keyring::new());
        let options = StoreOptions::new(Secret::new(url.to_owned()));
        let store = SeaStore::connect(&options, Arc::clone(&keyring), Ambient::system());
        let store = store.await.unwrap();
        store.migrate_up().await.unwrap();
        let wrapper = MemoryWrapper::new("drill", Secret::new([0x4B; 32])).unwrap();
        provide_keys(&store, &keyring, &wrapper).await;
        let origin = default_origin(&store).await.unwrap();
        let rogue = KeyringCheckpointSigner::new(other_keys(&wrapper).await, origin.clone());
        let mut factory = Factory::new(seed);
        let holder = factory.id();
        let now = Ambient::system().now();
        let lease = store
            .acquire(SEQUENCER_LEASE, holder, now, Duration::from_hours(12))
            .await;
        let signer = KeyringCheckpointSigner::new(keyring, origin);
        let keys = signer.verifiers().unwrap();
        let administrator = Administrator::at(url).await;
        let (mut edge, mut now) = (Edge::default(), factory.now());
        let (lease, mut older, mut head) = (lease.unwrap().expect("nobody else has it"), Vec::new(), None);
        for _ in 0..events.div_ceil(BATCH) {
            for _ in 0..BATCH / TOGETHER {
                append(&store, &mut factory, TOGETHER).await;
            }
            now = now.plus(BETWEEN);
            head = Some(place_all(&store, &lease, &signer, now, &mut edge).await);
            older.push(administrator.read().await);
        }
        let dump = older.pop().expect("at least one batch");
        Self {
            noted: Noted::of(&head.expect("at least one batch"), keys),
            store,
            signer,
            rogue,
            lease,
            edge,
            now,
            factory,
            administrator,
            dump,
            older,
        }
    }

    /// As an auditor verifies it.
    pub(crate) async fn verify(&self) -> Report {
        verify(&self.store, &self.noted).await
    }

    /// Verifies `rounds` times while others write and the sequencer places; answers the alarms, and what was placed meanwhile.
    pub(crate) async fn verify_while_it_grows(&mut self, rounds: usize) -> (Vec<String>, u64) {
        let before = self.verify().await.checked;
        let mut alarms = Vec::new();
        let store = self.store.clone();
        for _ in 0..rounds {
            append(&store, &mut self.factory, TOGETHER).await;
            self.now = self.now.plus(BETWEEN);
            let head = place_all(&store, &self.lease, &self.signer, self.now, &mut self.edge).await;
            let noted = Noted::of(&head, self.noted.keys.clone());
            let busy = async {
                for _ in 0..6 {
                    append(&store, &mut self.factory, TOGETHER).await;
                    self.now = self.now.plus(BETWEEN);
                    place(&store, &self.lease, &self.signer, self.now, &mut self.edge).await;
                }
            };
            let (report, ()) = tokio::join!(verify(&store, &noted), busy);
            alarms.extend(report.first_bad.map(|found| found.to_string()));
        }
        let placed = self.store.head().await.unwrap().map_or(0, |leaf| leaf.seq + 1);
        (alarms, u64::try_from(placed).unwrap() - before)
    }

    pub(crate) async fn close(self) {
        self.administrator.close().await;
        self.store.close().await;
    }
}

async fn verify(store: &SeaStore, noted: &Noted) -> Report {
    let expected = Expected {
        anchors: &[noted.anchor],
        keys: &noted.keys,
        checkpoints: std::slice::from_ref(&noted.checkpoint),
    };
    verify_expecting(store, expected, &mut |_| {}).await.unwrap()
}

async fn append(store: &SeaStore, factory: &mut Factory, count: usize) {
    let units: &dyn Units<dyn UnitOfWork> = store;
    let mut unit = units.begin().await.unwrap();
    let events = (0..count).map(|_| factory.event()).collect();
    unit.log().append_all(events).await.unwrap();
    unit.commit().await.unwrap();
}

/// One batch; its head, if there is one.
async fn place(
    store: &SeaStore,
    lease: &Lease,
    signer: &KeyringCheckpointSigner,
    now: Timestamp,
    edge: &mut Edge,
) -> Option<NotedHead> {
    let how = Sequencing {
        limit: 64,
        noted: None,
        signer: Some(signer),
        keep_every: KEEP_EVERY,
        now,
    };
    match sequence_after(store, lease, &how, edge).await.unwrap() {
        Batch::Placed(_, head) => head,
        Batch::Behind => None,
    }
}

/// Until nothing is pending. It may take a while: a transaction of another database on the same PostgreSQL server holds back
/// what began after it.
async fn place_all(
    store: &SeaStore,
    lease: &Lease,
    signer: &KeyringCheckpointSigner,
    now: Timestamp,
    edge: &mut Edge,
) -> NotedHead {
    for _ in 0..3_000 {
        let head = place(store, lease, signer, now, edge).await;
        if store.pending_count().await.unwrap() == 0 {
            return head.expect("the log is not empty");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("events stay pending")
}

fn purposes() -> Vec<vutf_crypto_keys::Purpose> {
    let mut purposes = key_purposes();
    purposes.push(KeyringCheckpointSigner::purpose());
    purposes
}

async fn provide_keys(store: &SeaStore, keyring: &Keyring, wrapper: &dyn KeyWrapper) {
    let ambient = Ambient::system();
    let keys = Keys {
        units: store,
        reader: store,
        wrapper,
        keyring,
        ambient: &ambient,
        settle: vutf_crypto_keys::destruction::SETTLE,
    };
    let ctx = Ctx::internal(HOME, Actor::Operator, RequestId::parse("drill").unwrap());
    keys.ensure(&ctx, &purposes(), store).await.unwrap();
}

/// Keys of another installation.
async fn other_keys(wrapper: &dyn KeyWrapper) -> Arc<Keyring> {
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    let records = plan_missing(&mut env, wrapper, HOME, &[], &purposes()).await;
    let keyring = Keyring::new();
    keyring.load(wrapper, records.unwrap()).await.unwrap();
    Arc::new(keyring)
}
