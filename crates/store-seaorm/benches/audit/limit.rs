//! The bare INSERTs of the same bytes: into a table with a primary key and nothing else, and with the indexes of the intake.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;
use vutf_kernel::{Env, EventId, OsEntropy, SystemClock};
use vutf_testkit::sql::{self, Session, Value as Bound};

use crate::site::{HOME, Site};

const COLUMNS: &str = "id, occurred_at, organization_id, request_id, actor_kind, actor_id, action, resource_kind, \
     resource_id, outcome, body, parts, mac";

/// The columns of the intake, without its partitions, triggers and references.
const TABLE: &str = "CREATE TABLE plain (LIKE audit_intake INCLUDING DEFAULTS, PRIMARY KEY (id))";

const REFERENCE: &str = "ALTER TABLE plain ADD FOREIGN KEY (organization_id) REFERENCES organizations (id)";

/// What the bare rows hold: the bytes of an event that was written.
pub(crate) struct Rows {
    body: Vec<u8>,
    parts: Vec<u8>,
    mac: Vec<u8>,
    person: Uuid,
}

impl Rows {
    pub(crate) async fn like(site: &Site) -> Self {
        let session = Session::open(site.url()).await.unwrap();
        let mut found = Vec::new();
        for column in ["body", "parts", "mac"] {
            let sql =
                format!("SELECT {column} FROM audit_intake WHERE action = 'user.read' ORDER BY id LIMIT 1");
            found.push(session.bytes(&sql).await.unwrap().remove(0));
        }
        session.close().await.unwrap();
        let [body, parts, mac] = found.try_into().unwrap();
        Self {
            body,
            parts,
            mac,
            person: site.people[0].as_uuid(),
        }
    }

    fn row(&self) -> Vec<Bound> {
        let env = Env {
            clock: &SystemClock,
            entropy: &mut OsEntropy,
        };
        let at = env.now().as_micros();
        vec![
            EventId::generate(env.clock, env.entropy).as_uuid().into(),
            at.into(),
            HOME.as_uuid().into(),
            "0198c5f2-7c1e-7a53-9a53-0123456789ab".into(),
            "user".into(),
            self.person.into(),
            "user.read".into(),
            "user".into(),
            self.person.into(),
            "success".into(),
            self.body.clone().into(),
            self.parts.clone().into(),
            self.mac.clone().into(),
        ]
    }
}

/// Rows a second into the bare table with `batch` rows in a statement, each of them a transaction, over so many connections.
pub(crate) async fn plain(
    site: &Arc<Site>,
    rows: &Arc<Rows>,
    batch: usize,
    connections: usize,
    length: Duration,
) -> f64 {
    rate(site, rows, &[], batch, connections, length).await
}

/// What the indexes of the intake and its foreign key cost: both, the indexes alone, and all of them but one.
pub(crate) async fn indexes(site: &Arc<Site>, rows: &Arc<Rows>, length: Duration) -> Vec<Value> {
    let definitions = "SELECT indexdef FROM pg_indexes WHERE tablename = 'audit_intake_default' \
         AND indexdef NOT LIKE '%UNIQUE%' ORDER BY indexname";
    let definitions = sql::texts(site.url(), definitions).await.unwrap();
    let columns: Vec<&str> = definitions
        .iter()
        .map(|row| row[0].rsplit_once("USING btree ").unwrap().1)
        .collect();
    let all: Vec<String> = columns
        .iter()
        .map(|columns| format!("CREATE INDEX ON plain {columns}"))
        .collect();
    let mut shapes = vec![
        (
            "all of the intake's, and the foreign key".to_owned(),
            [&all[..], &[REFERENCE.to_owned()]].concat(),
        ),
        ("all of the intake's".to_owned(), all.clone()),
    ];
    for (at, columns) in columns.iter().enumerate() {
        let mut others = all.clone();
        others.remove(at);
        shapes.push((format!("without {columns}"), others));
    }
    let mut lines = Vec::new();
    for (name, statements) in shapes {
        let rate = rate(site, rows, &statements, 64, 1, length).await;
        lines.push(json!({"figure": "limit", "indexes": name, "batch": 64, "connections": 1, "rows_per_second": rate}));
    }
    lines
}

/// `statements` give the bare table what it has beside its primary key.
async fn rate(
    site: &Arc<Site>,
    rows: &Arc<Rows>,
    statements: &[String],
    batch: usize,
    connections: usize,
    length: Duration,
) -> f64 {
    sql::execute(site.url(), "DROP TABLE IF EXISTS plain")
        .await
        .unwrap();
    sql::execute(site.url(), TABLE).await.unwrap();
    for statement in statements {
        sql::execute(site.url(), statement).await.unwrap();
    }
    let statement: Arc<str> = statement(batch).into();
    let began = Instant::now();
    let writers: Vec<_> = (0..connections)
        .map(|_| {
            let (url, rows, statement) = (site.url().to_owned(), Arc::clone(rows), Arc::clone(&statement));
            tokio::spawn(async move {
                let session = Session::open(&url).await.unwrap();
                let mut written = 0;
                while began.elapsed() < length {
                    let values = (0..batch).flat_map(|_| rows.row()).collect();
                    written += session.run(&statement, values).await.unwrap();
                }
                session.close().await.unwrap();
                written
            })
        })
        .collect();
    let mut written = 0;
    for writer in writers {
        written += writer.await.unwrap();
    }
    written as f64 / began.elapsed().as_secs_f64()
}

fn statement(batch: usize) -> String {
    let columns = COLUMNS.split(',').count();
    let groups: Vec<String> = (0..batch)
        .map(|row| {
            let values: Vec<String> = (1..=columns).map(|n| format!("${}", row * columns + n)).collect();
            format!("({})", values.join(", "))
        })
        .collect();
    format!("INSERT INTO plain ({COLUMNS}) VALUES {}", groups.join(", "))
}
