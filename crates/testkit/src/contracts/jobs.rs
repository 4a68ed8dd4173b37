//! What every adapter of the jobs' ports must do.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a contract that is broken fails the test that runs it"
)]

use std::{collections::HashMap, sync::Arc, time::Duration};

use sea_orm::prelude::Uuid;
use vutf_app::UnitOfWork;
use vutf_crypto_keys::{
    BlindIndex, Purpose,
    job::{
        Cursor, IndexChange, Job, JobKind, JobReader, JobState, JobsTx, MemoryJobs, MemoryJobsTx, MemoryRow,
        Moved, Protection, RowChange, SealedColumn, SealedRow, SealedRows, SealedTable, Wanted,
    },
};
use vutf_kernel::{
    Env, Fault, JobId, KeyId, Lease, OrganizationId, PortError, SystemClock, Timestamp, Transaction, Units,
    UserId,
};

use super::{
    NEIGHBOUR,
    unit::{Store, Unit},
};
use crate::{factory::Factory, random, sql};

const HOME: OrganizationId = OrganizationId::DEFAULT;
const HOUR: Duration = Duration::from_hours(1);

const fn column(name: &'static str, indexed_as: Option<&'static str>) -> SealedColumn {
    SealedColumn {
        name,
        protection: Protection::Table,
        indexed_as,
    }
}

/// The tables of the twin: the one that the suite writes to, as the databases have it.
pub static TWIN_TABLES: [SealedTable; 1] = [SealedTable {
    name: "users",
    columns: &[
        column("username_ct", Some("username")),
        column("email_ct", Some("email")),
        column("display_name_ct", None),
        column("phone_ct", None),
    ],
    append_only: false,
}];

/// A store of jobs under test.
#[derive(Clone)]
pub enum JobStore {
    /// The in-memory twin, over [`TWIN_TABLES`].
    Memory(MemoryJobs),
    /// A database that knows [`NEIGHBOUR`], and its URL: rows are planted behind the store's back.
    Store(Arc<dyn Store>, String),
}

trait JobsUnit: JobsTx + Transaction {}
impl JobsUnit for MemoryJobsTx {}
impl JobsUnit for Unit {}

/// A row of `users` with ciphertexts that are none, but name a key.
struct Planted {
    id: Uuid,
    organization: OrganizationId,
    cells: [Option<Vec<u8>>; 4],
    index_version: u32,
    index: [u8; 32],
}

impl JobStore {
    async fn begin(&self) -> Box<dyn JobsUnit> {
        match self {
            Self::Memory(jobs) => Box::new(jobs.begin()),
            Self::Store(store, _) => {
                let units: &dyn Units<dyn UnitOfWork> = &**store;
                Box::new(Unit(units.begin().await.expect("a transaction begins")))
            }
        }
    }
    fn reader(&self) -> &dyn JobReader {
        match self {
            Self::Memory(jobs) => jobs,
            Self::Store(store, _) => &**store,
        }
    }
    fn rows(&self) -> &dyn SealedRows {
        match self {
            Self::Memory(jobs) => jobs,
            Self::Store(store, _) => &**store,
        }
    }
    fn users(&self) -> &'static SealedTable {
        let mut tables = self.rows().sealed_tables().iter();
        tables.find(|table| table.name == "users").unwrap()
    }
    async fn insert(&self, job: &Job) -> Result<(), PortError> {
        let mut tx = self.begin().await;
        tx.jobs().insert(job).await?;
        tx.commit().await
    }
    async fn replace(&self, job: &Job) -> Result<(), PortError> {
        let mut tx = self.begin().await;
        tx.jobs().replace(job).await?;
        tx.commit().await
    }
    async fn find(&self, job: &Job) -> Option<Job> {
        self.reader().job(job.organization_id, job.id).await.unwrap()
    }
    async fn lease(&self, name: &str, holder: Uuid, now: Timestamp) -> Lease {
        let lease = Lease {
            name: name.to_owned(),
            holder,
            epoch: now.as_secs(),
            expires_at: now.plus(HOUR),
        };
        match self {
            Self::Memory(jobs) => {
                jobs.grant(lease.clone());
                lease
            }
            Self::Store(store, _) => store.acquire(name, holder, now, HOUR).await.unwrap().unwrap(),
        }
    }
    async fn plant(&self, planted: &Planted) {
        match self {
            Self::Memory(jobs) => {
                let columns = self.users().columns.iter();
                let cells = columns.zip(&planted.cells);
                let index = BlindIndex {
                    version: planted.index_version,
                    value: planted.index,
                };
                let row = MemoryRow {
                    organization_id: planted.organization,
                    subject: Some(UserId::from_uuid(planted.id)),
                    cells: cells
                        .filter_map(|(column, cell)| Some((column.name, cell.clone()?)))
                        .collect(),
                    indexes: HashMap::from([("email_ct", index)]),
                };
                jobs.put("users", planted.id, row);
            }
            Self::Store(_, url) => sql::execute(url, &planted.insert(url)).await.unwrap(),
        }
    }
    /// Every row that holds a ciphertext under one of `keys`, in parts of at most `limit`.
    async fn under(&self, organization: OrganizationId, keys: &[KeyId], limit: u32) -> Vec<SealedRow> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let wanted = Wanted {
                organization_id: organization,
                table: self.users(),
                subject: None,
                keys,
            };
            let chunk = self.rows().sealed_under(wanted, after, limit).await.unwrap();
            assert!(chunk.rows.len() <= limit as usize);
            all.extend(chunk.rows);
            match chunk.reached {
                Some(reached) => {
                    assert!(after < Some(reached), "it goes on");
                    after = Some(reached);
                }
                None => return all,
            }
        }
    }
    async fn count(&self, organization_id: OrganizationId, keys: &[KeyId]) -> u64 {
        let (mut all, mut after) = (0, None);
        loop {
            let wanted = Wanted {
                organization_id,
                table: self.users(),
                subject: None,
                keys,
            };
            let (count, reached) = self.rows().count_under(wanted, after).await.unwrap();
            all += count;
            after = reached;
            if after.is_none() {
                return all;
            }
        }
    }
    async fn reseal(&self, organization: OrganizationId, changes: &[RowChange]) -> u64 {
        let mut tx = self.begin().await;
        let written = tx
            .jobs()
            .reseal(organization, self.users(), changes)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        written
    }
}

impl Planted {
    fn new(factory: &mut Factory, organization: OrganizationId, cells: [Option<Vec<u8>>; 4]) -> Self {
        Self {
            id: factory.id(),
            organization,
            cells,
            index_version: 1,
            index: factory.bytes(),
        }
    }
    fn insert(&self, url: &str) -> String {
        let postgres = url.starts_with("postgres");
        let hex = |bytes: &[u8]| {
            let digits = bytes
                .iter()
                .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
            if postgres {
                format!("'\\x{digits}'::bytea")
            } else {
                format!("X'{digits}'")
            }
        };
        let uuid = |id: Uuid| {
            if postgres {
                format!("'{id}'")
            } else {
                format!("X'{}'", id.simple())
            }
        };
        let cells = self
            .cells
            .clone()
            .map(|cell| cell.map_or("NULL".into(), |bytes| hex(&bytes)));
        format!(
            "INSERT INTO users (id, organization_id, username_ct, email_ct, display_name_ct, phone_ct, username_bidx, \
             username_bidx_ver, email_bidx, email_bidx_ver, status, epoch, created_at, updated_at, version) \
             VALUES ({}, {}, {}, {}, 1, {}, {}, 'active', 0, 0, 0, 1)",
            uuid(self.id),
            uuid(self.organization.as_uuid()),
            cells.join(", "),
            hex(&self.index),
            hex(&self.index),
            self.index_version
        )
    }
}

/// Bytes that name `key` where a ciphertext does.
fn naming(key: KeyId, tag: u8) -> Vec<u8> {
    let mut bytes = vec![0xE5, 1, 1, 0];
    bytes.extend(key.as_bytes());
    bytes.resize(100, tag);
    bytes
}

fn key(factory: &mut Factory) -> KeyId {
    KeyId::from_uuid(factory.id())
}

/// Runs the whole suite.
///
/// # Panics
/// Where the contract is broken.
pub async fn jobs_contract(store: JobStore) {
    let mut factory = Factory::new(0x6a6f_6273);
    every_field_comes_back(&store, &mut factory).await;
    of_what_is_the_same_one_is_under_way(&store, &mut factory).await;
    a_replacement_is_of_the_version_before(&store, &mut factory).await;
    who_was_overtaken_writes_nothing(&store, &mut factory).await;
    what_names_a_key_is_found_and_nothing_else(&store, &mut factory).await;
    only_what_is_still_there_is_replaced(&store, &mut factory).await;
    an_index_is_made_anew_once(&store, &mut factory).await;
}

fn job(factory: &mut Factory, purpose: &str) -> Job {
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut vutf_kernel::OsEntropy,
    };
    // The suites share databases with nobody, but one run makes many jobs.
    let purpose = Purpose::field(&format!("{purpose}_{}", random::hex::<4>()));
    Job {
        // Ids of one millisecond have no order.
        id: JobId::from_uuid(factory.id()),
        ..Job::new(&mut env, HOME, None, JobKind::Reencrypt { purpose }, None)
    }
}

async fn every_field_comes_back(store: &JobStore, factory: &mut Factory) {
    let plain = job(factory, "plain");
    let full = Job {
        kind: JobKind::Reindex {
            purpose: Purpose::index("some_table", "some-column"),
        },
        rows_per_second: Some(u32::MAX),
        ..job(factory, "full")
    };
    let full = full.begun(41, factory.now()).moved(
        Moved {
            found: 9,
            done: 5,
            stuck: 2,
            error: Some("users.email_ct".into()),
            cursor: Cursor {
                table: 3,
                after: Some(factory.id()),
            },
        },
        factory.now(),
    );
    for job in [&plain, &full] {
        store.insert(job).await.unwrap();
        assert_eq!(store.find(job).await.as_ref(), Some(job));
        assert_eq!(store.reader().job(NEIGHBOUR, job.id).await.unwrap(), None);
        let mut tx = store.begin().await;
        assert_eq!(tx.jobs().find(HOME, job.id).await.unwrap().as_ref(), Some(job));
        assert_eq!(tx.jobs().find(NEIGHBOUR, job.id).await.unwrap(), None);
        tx.rollback().await.unwrap();
    }
    assert_eq!(
        store.reader().jobs(HOME, 1).await.unwrap(),
        std::slice::from_ref(&full)
    );
    assert_eq!(
        store.reader().jobs(HOME, 9).await.unwrap(),
        [full.clone(), plain.clone()]
    );
    assert!(store.reader().jobs(NEIGHBOUR, 9).await.unwrap().is_empty());
    assert_eq!(store.reader().runnable_jobs().await.unwrap(), [plain, full]);
}

async fn of_what_is_the_same_one_is_under_way(store: &JobStore, factory: &mut Factory) {
    let first = job(factory, "same");
    store.insert(&first).await.unwrap();
    let again = Job {
        kind: first.kind.clone(),
        ..job(factory, "again")
    };
    assert_eq!(store.insert(&again).await.unwrap_err().fault, Fault::Duplicate);
    let paused = first.clone().paused(None, first.stamps.created_at).unwrap();
    store.replace(&paused).await.unwrap();
    assert_eq!(store.insert(&again).await.unwrap_err().fault, Fault::Duplicate);
    let elsewhere = Job {
        organization_id: NEIGHBOUR,
        kind: first.kind.clone(),
        ..job(factory, "elsewhere")
    };
    store.insert(&elsewhere).await.expect("another tenant");
    let over = paused.cancelled(None, first.stamps.created_at).unwrap();
    store.replace(&over).await.unwrap();
    store.insert(&again).await.expect("the first is over");
    let runnable = store.reader().runnable_jobs().await.unwrap();
    assert!(runnable.contains(&again) && runnable.contains(&elsewhere) && !runnable.contains(&over));
}

async fn a_replacement_is_of_the_version_before(store: &JobStore, factory: &mut Factory) {
    let first = job(factory, "versions");
    store.insert(&first).await.unwrap();
    let begun = first.clone().begun(3, first.stamps.created_at);
    store.replace(&begun).await.unwrap();
    for unfit in [&begun, &first] {
        assert_eq!(store.replace(unfit).await.unwrap_err().fault, Fault::Stale);
    }
    let late = first.paused(None, begun.stamps.created_at).unwrap();
    assert_eq!(store.replace(&late).await.unwrap_err().fault, Fault::Stale);
    assert_eq!(
        store.find(&begun).await.map(|job| job.state),
        Some(JobState::Running)
    );
}

async fn who_was_overtaken_writes_nothing(store: &JobStore, factory: &mut Factory) {
    let name = super::unique("key-job");
    let start = factory.now();
    let lost = store.lease(&name, factory.id(), start).await;
    let mut tx = store.begin().await;
    tx.jobs().hold(&lost).await.unwrap();
    tx.commit().await.unwrap();
    let held = store.lease(&name, factory.id(), start.plus(HOUR)).await;
    let mut tx = store.begin().await;
    assert_eq!(tx.jobs().hold(&lost).await.unwrap_err().fault, Fault::Stale);
    tx.rollback().await.unwrap();
    let mut tx = store.begin().await;
    tx.jobs().hold(&held).await.unwrap();
    tx.commit().await.unwrap();
}

async fn what_names_a_key_is_found_and_nothing_else(store: &JobStore, factory: &mut Factory) {
    let [old, older, new] = [key(factory), key(factory), key(factory)];
    let mut wanted = Vec::new();
    for number in 0..40_u8 {
        let named = [old, older, new][usize::from(number % 3)];
        let cells = [Some(naming(new, number)), Some(naming(named, number)), None, None];
        let row = Planted::new(factory, HOME, cells);
        store.plant(&row).await;
        if named != new {
            wanted.push((row.id, naming(named, number)));
        }
    }
    let theirs = Planted::new(
        factory,
        NEIGHBOUR,
        [Some(naming(old, 0)), Some(naming(old, 1)), None, None],
    );
    store.plant(&theirs).await;
    for limit in [1, 3, 500] {
        let found = store.under(HOME, &[old, older], limit).await;
        let found: Vec<_> = found
            .into_iter()
            .map(|row| {
                assert_eq!(row.subject.map(|subject| subject.as_uuid()), Some(row.row));
                let [(column, ciphertext)] = <[_; 1]>::try_from(row.cells).unwrap();
                assert_eq!(column, "email_ct");
                (row.row, ciphertext)
            })
            .collect();
        assert_eq!(found, wanted, "in parts of {limit}");
    }
    let counted = store.count(HOME, &[old, older]).await;
    assert_eq!(counted, wanted.len() as u64);
    assert_eq!(store.count(HOME, &[]).await, 0);
    assert!(store.under(HOME, &[], 10).await.is_empty());
    let theirs_only = store.under(NEIGHBOUR, &[old], 10).await;
    assert_eq!(
        theirs_only.iter().map(|row| row.cells.len()).collect::<Vec<_>>(),
        [2]
    );
    let one = Wanted {
        organization_id: HOME,
        table: store.users(),
        subject: Some(UserId::from_uuid(wanted[0].0)),
        keys: &[old, older],
    };
    let (mut of_person, mut after) = (Vec::new(), None);
    loop {
        let chunk = store.rows().sealed_under(one, after, 10).await.unwrap();
        of_person.extend(chunk.rows.into_iter().map(|row| row.row));
        after = chunk.reached;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(of_person, [wanted[0].0]);
}

async fn only_what_is_still_there_is_replaced(store: &JobStore, factory: &mut Factory) {
    let [old, new] = [key(factory), key(factory)];
    let cells = [
        Some(naming(old, 1)),
        Some(naming(old, 2)),
        Some(naming(old, 3)),
        None,
    ];
    let rows: Vec<_> = (0..3)
        .map(|_| Planted::new(factory, HOME, cells.clone()))
        .collect();
    for row in &rows {
        store.plant(row).await;
    }
    let change = |row: &Planted, before: u8| RowChange {
        row: row.id,
        cells: vec![
            ("username_ct", naming(old, 1), naming(new, 1)),
            ("display_name_ct", naming(old, before), naming(new, 3)),
        ],
    };
    // The second was written by somebody else meanwhile.
    let changes = [change(&rows[0], 3), change(&rows[1], 9), change(&rows[2], 3)];
    assert_eq!(store.reseal(NEIGHBOUR, &changes).await, 0, "another tenant's");
    assert_eq!(store.reseal(HOME, &changes).await, 2);
    assert_eq!(store.reseal(HOME, &changes).await, 0, "once");
    assert_eq!(store.reseal(HOME, &[]).await, 0);
    let after = store.under(HOME, &[new], 10).await;
    let expected = [rows[0].id, rows[2].id].map(|row| SealedRow {
        row,
        subject: Some(UserId::from_uuid(row)),
        cells: vec![
            ("username_ct", naming(new, 1)),
            ("display_name_ct", naming(new, 3)),
        ],
    });
    assert_eq!(after, expected);
    let left: Vec<_> = store.under(HOME, &[old], 10).await;
    assert_eq!(
        left.iter().map(|row| row.cells.len()).collect::<Vec<_>>(),
        [1, 3, 1]
    );
}

async fn an_index_is_made_anew_once(store: &JobStore, factory: &mut Factory) {
    let email = store
        .users()
        .columns
        .iter()
        .find(|column| column.indexed_as == Some("email"));
    let (old, email) = (key(factory), email.unwrap());
    let cells = [Some(naming(old, 1)), Some(naming(old, 2)), None, None];
    let rows: Vec<_> = (0..3)
        .map(|_| Planted::new(factory, HOME, cells.clone()))
        .collect();
    for row in &rows {
        store.plant(row).await;
    }
    let change = |row: &Planted, tag: u8, value: u8| IndexChange {
        row: row.id,
        ciphertext: naming(old, tag),
        index: BlindIndex {
            version: 2,
            value: [value; 32],
        },
    };
    let write = async |changes: &[IndexChange]| {
        let mut tx = store.begin().await;
        let done = tx.jobs().reindex(HOME, store.users(), email, changes).await;
        if done.is_ok() {
            tx.commit().await.unwrap();
        }
        done.map_err(|error| error.fault)
    };
    let twice = [change(&rows[0], 2, 7), change(&rows[1], 2, 7)];
    assert_eq!(write(&twice).await, Err(Fault::Duplicate));
    let mine = old_indexes(store, email, &rows).await;
    assert_eq!(mine, [true; 3], "nothing was written");
    let changes = [
        change(&rows[0], 2, 7),
        change(&rows[1], 2, 8),
        change(&rows[2], 9, 9),
    ];
    assert_eq!(
        write(&changes).await,
        Ok(2),
        "the third was written by somebody else"
    );
    assert_eq!(old_indexes(store, email, &rows).await, [false, false, true]);
    assert_eq!(write(&[change(&rows[2], 2, 8)]).await, Err(Fault::Duplicate));
}

async fn old_indexes(store: &JobStore, email: &SealedColumn, rows: &[Planted]) -> Vec<bool> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let chunk = store
            .rows()
            .indexed_before(HOME, store.users(), email, 2, after, 7)
            .await
            .unwrap();
        found.extend(chunk.rows.into_iter().map(|row| row.row));
        after = chunk.reached;
        if after.is_none() {
            return rows.iter().map(|row| found.contains(&row.id)).collect();
        }
    }
}
