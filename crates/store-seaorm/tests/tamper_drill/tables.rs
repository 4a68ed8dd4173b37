//! The tables of the log as values: read as a whole, changed in memory, and written as somebody who may do anything would.

use std::collections::HashSet;

use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult,
    Statement, TransactionTrait as _, Value,
};
use uuid::Uuid;

/// Rows in one INSERT: far below the parameters that either database allows.
const INSERT_ROWS: usize = 100;

/// More changed rows than these, and the whole table is written.
const FEW: usize = 24;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Number,
    Id,
    Text,
    Bytes,
}

pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Type)],
    /// The columns that find a row.
    key: &'static [usize],
    /// The columns whose values may not occur twice.
    unique: &'static [&'static [usize]],
}

use Type::{Bytes, Id, Number, Text};

pub(crate) const INTAKE: usize = 0;
pub(crate) const REFERENCE: usize = 1;
pub(crate) const LEAF: usize = 2;
pub(crate) const NODE: usize = 3;
pub(crate) const CHECKPOINT: usize = 4;
pub(crate) const LATEST: usize = 5;

pub(crate) const TABLES: [Table; 6] = [
    Table {
        name: "audit_intake",
        columns: &[
            ("id", Id),
            ("ord", Number),
            ("xid", Number),
            ("body", Bytes),
            ("mac", Bytes),
            ("parts", Bytes),
            ("occurred_at", Number),
            ("organization_id", Id),
            ("request_id", Text),
            ("actor_kind", Text),
            ("actor_id", Id),
            ("action", Text),
            ("resource_kind", Text),
            ("resource_id", Id),
            ("outcome", Text),
        ],
        key: &[0],
        unique: &[&[0], &[1]],
    },
    Table {
        name: "audit_subject_ref",
        columns: &[("event_id", Id), ("subject_id", Id), ("organization_id", Id)],
        key: &[0, 1],
        unique: &[&[0, 1]],
    },
    Table {
        name: "audit_leaf",
        columns: &[
            ("seq", Number),
            ("event_id", Id),
            ("leaf_hash", Bytes),
            ("chain", Bytes),
            ("xid", Number),
            ("ord", Number),
        ],
        key: &[0],
        unique: &[&[0], &[1]],
    },
    Table {
        name: "audit_node",
        columns: &[("level", Number), ("node_index", Number), ("hash", Bytes)],
        key: &[0, 1],
        unique: &[&[0, 1]],
    },
    Table {
        name: "audit_checkpoint",
        columns: &[
            ("number", Number),
            ("size", Number),
            ("note", Text),
            ("signed_at", Number),
        ],
        key: &[0],
        unique: &[&[0], &[1]],
    },
    Table {
        name: "audit_latest",
        columns: &[
            ("id", Number),
            ("kept", Number),
            ("size", Number),
            ("note", Text),
            ("signed_at", Number),
        ],
        key: &[0],
        unique: &[&[0]],
    },
];

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cell {
    Null,
    Number(i64),
    Id(Uuid),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    pub(crate) fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            other => panic!("{other:?} is no number"),
        }
    }
    pub(crate) fn id(&self) -> Uuid {
        match self {
            Self::Id(id) => *id,
            other => panic!("{other:?} is no id"),
        }
    }
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            other => panic!("{other:?} is no bytes"),
        }
    }
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other => panic!("{other:?} is no text"),
        }
    }
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.bytes().try_into().unwrap()
    }

    fn read(row: &QueryResult, column: &str, of: Type) -> Result<Self, DbErr> {
        Ok(match of {
            Number => Self::Number(row.try_get("", column)?),
            Text => Self::Text(row.try_get("", column)?),
            Bytes => Self::Bytes(row.try_get("", column)?),
            Id => row
                .try_get::<Option<Uuid>>("", column)?
                .map_or(Self::Null, Self::Id),
        })
    }

    fn value(&self) -> Value {
        match self {
            Self::Null => Option::<Uuid>::None.into(),
            Self::Number(number) => (*number).into(),
            Self::Id(id) => (*id).into(),
            Self::Text(text) => text.clone().into(),
            Self::Bytes(bytes) => bytes.clone().into(),
        }
    }
}

pub(crate) type Row = Vec<Cell>;

/// All rows of all tables.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Dump(pub(crate) [Vec<Row>; 6]);

impl Dump {
    /// Whether the database would take it.
    pub(crate) fn is_storable(&self) -> bool {
        TABLES.iter().zip(&self.0).all(|(table, rows)| {
            table.unique.iter().all(|columns| {
                let mut seen = HashSet::new();
                rows.iter()
                    .all(|row| seen.insert(columns.iter().map(|at| &row[*at]).collect::<Vec<_>>()))
            })
        })
    }

    /// Rows of a table have no order: here by their columns, leaves and checkpoints by their numbers.
    fn sort(&mut self) {
        self.0.iter_mut().for_each(|rows| rows.sort());
    }

    /// Where the event stands among the rows of the intake.
    pub(crate) fn intake_of(&self, event: Uuid) -> usize {
        let found = self.0[INTAKE].iter().position(|row| row[0].id() == event);
        found.expect("each leaf has its event")
    }
}

/// A connection of somebody who may do anything.
pub(crate) struct Administrator(DatabaseConnection);

impl Administrator {
    /// Connects, and takes away what the database does against changes.
    pub(crate) async fn at(url: &str) -> Self {
        let mut options = sea_orm::ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let own = Self(Database::connect(options).await.unwrap());
        if own.is_postgres() {
            own.run("ALTER TABLE audit_latest DROP CONSTRAINT IF EXISTS audit_latest_id_check")
                .await;
        }
        for table in &TABLES[..LATEST] {
            let kinds = if own.is_postgres() {
                ["append_only", "no_truncate"]
            } else {
                ["no_update", "no_delete"]
            };
            for kind in kinds {
                let on = if own.is_postgres() {
                    format!(" ON {}", table.name)
                } else {
                    String::new()
                };
                own.run(&format!("DROP TRIGGER {}_{kind}{on}", table.name)).await;
            }
        }
        own
    }

    fn is_postgres(&self) -> bool {
        self.0.get_database_backend() == DbBackend::Postgres
    }

    async fn run(&self, sql: &str) {
        let done = self.0.execute_unprepared(sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub(crate) async fn read(&self) -> Dump {
        let mut dump = Dump(Default::default());
        for (table, rows) in TABLES.iter().zip(&mut dump.0) {
            let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
            let sql = format!("SELECT {} FROM {}", names.join(", "), table.name);
            let statement = Statement::from_string(self.0.get_database_backend(), sql);
            for row in self.0.query_all_raw(statement).await.unwrap() {
                let cells = table.columns.iter().map(|(name, of)| Cell::read(&row, name, *of));
                rows.push(cells.collect::<Result<_, _>>().unwrap());
            }
        }
        dump.sort();
        dump
    }

    /// Makes the tables that hold `from` hold `to`.
    pub(crate) async fn change(&self, from: &Dump, to: &Dump) {
        if !self.is_postgres() {
            // Neither is a bar to somebody who owns the file. Both are of the connection, and none of a transaction.
            self.run("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA busy_timeout = 30000")
                .await;
        }
        let tx = self.0.begin().await.unwrap();
        if self.is_postgres() {
            let role = "SET LOCAL session_replication_role = replica";
            tx.execute_unprepared(role).await.unwrap();
        }
        for (at, table) in TABLES.iter().enumerate() {
            let (before, after) = (&from.0[at], &to.0[at]);
            if before == after {
                continue;
            }
            let old: HashSet<&Row> = before.iter().collect();
            let new: HashSet<&Row> = after.iter().collect();
            let gone: Vec<&Row> = before.iter().filter(|row| !new.contains(row)).collect();
            let come: Vec<&Row> = after.iter().filter(|row| !old.contains(row)).collect();
            if gone.len() + come.len() > FEW {
                let sql = format!("DELETE FROM {}", table.name);
                tx.execute_unprepared(&sql).await.unwrap();
                insert(&tx, table, &after.iter().collect::<Vec<_>>()).await;
            } else {
                for row in gone {
                    delete(&tx, table, row).await;
                }
                insert(&tx, table, &come).await;
            }
        }
        tx.commit().await.unwrap();
    }

    /// Rows that were changed thousands of times leave so many dead ones behind that every query reads through them.
    pub(crate) async fn clear_away(&self) {
        if self.is_postgres() {
            let names = TABLES.map(|table| table.name).join(", ");
            self.run(&format!("VACUUM (ANALYZE) {names}")).await;
        }
    }

    /// A number that was planted must not be the last that SQLite has given out.
    pub(crate) async fn forget_numbers(&self) {
        if !self.is_postgres() {
            self.run(
                "UPDATE sqlite_sequence SET seq = (SELECT MAX(ord) FROM audit_intake) WHERE name = 'audit_intake'",
            )
            .await;
        }
    }

    pub(crate) async fn close(self) {
        self.0.close().await.unwrap();
    }
}

async fn delete(tx: &DatabaseTransaction, table: &Table, row: &Row) {
    let (mut parts, mut values) = (Vec::new(), Vec::new());
    for at in table.key {
        values.push(row[*at].value());
        parts.push(format!("{} = ${}", table.columns[*at].0, values.len()));
    }
    let sql = format!("DELETE FROM {} WHERE {}", table.name, parts.join(" AND "));
    run(tx, &sql, values).await;
}

async fn insert(tx: &DatabaseTransaction, table: &Table, rows: &[&Row]) {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    for rows in rows.chunks(INSERT_ROWS) {
        let (mut groups, mut values) = (Vec::new(), Vec::new());
        for row in rows {
            let mut group = Vec::new();
            for cell in *row {
                values.push(cell.value());
                group.push(format!("${}", values.len()));
            }
            groups.push(format!("({})", group.join(", ")));
        }
        let sql = format!(
            "INSERT INTO {} ({}) VALUES {}",
            table.name,
            names.join(", "),
            groups.join(", ")
        );
        run(tx, &sql, values).await;
    }
}

async fn run(tx: &DatabaseTransaction, sql: &str, values: Vec<Value>) {
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    let done = tx.execute_raw(statement).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}
