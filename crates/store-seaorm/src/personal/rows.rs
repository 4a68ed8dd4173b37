//! Rows of any table, cell by cell, by the class of each column.

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbErr, QueryResult, Statement};
use uuid::Uuid;
use vutf_app::export::{Cell, Row};
use vutf_crypto_keys::SubjectKeys;
use vutf_kernel::{PortError, Secret, Timestamp, UserId};

use super::Whose;
use crate::{
    SeaStore, classification::ColumnClass, error::port, row::corrupt, sealed::Place,
    sealed_columns::columns_of,
};

/// Ids that are text: they come from elsewhere, or people type them.
const TEXT_IDS: [&str; 2] = ["lookup", "request_id"];

/// A cell as it stands in the table.
enum Raw {
    Ready(Cell),
    Sealed(Vec<u8>),
}

type RawRow = Vec<(&'static str, Raw)>;

impl SeaStore {
    pub(super) async fn rows_of(
        &self,
        table: &'static str,
        columns: &[(&'static str, ColumnClass)],
        (owner, order): (&str, &str),
        whose: Whose,
        limit: u32,
    ) -> Result<Vec<Row>, PortError> {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let sql = format!(
            "SELECT {} FROM {table} WHERE organization_id = $1 AND {owner} = $2 ORDER BY {order} DESC LIMIT $3",
            names.join(", ")
        );
        let values = [
            whose.organization.as_uuid().into(),
            whose.person.as_uuid().into(),
            i64::from(limit).into(),
        ];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let found = self
            .read("personal.rows", async |db: &DatabaseConnection| {
                db.query_all_raw(statement).await
            })
            .await?;
        let raw = found.iter().map(|row| raw_row(row, columns));
        let raw: Vec<RawRow> = raw.collect::<Result<_, _>>().map_err(port("personal.read"))?;
        let ciphertexts = raw.iter().flatten().filter_map(|(_, cell)| match cell {
            Raw::Sealed(bytes) => Some(bytes.as_slice()),
            Raw::Ready(_) => None,
        });
        let keys = self.keys_named_by(ciphertexts.collect()).await?;
        raw.into_iter()
            .map(|row| self.opened(table, whose, &keys, row))
            .collect()
    }

    /// The row with its sealed cells opened, each in its place.
    fn opened(
        &self,
        table: &'static str,
        whose: Whose,
        keys: &SubjectKeys,
        row: RawRow,
    ) -> Result<Row, PortError> {
        let place = place_of(self, table, whose, &row)?;
        let mut opened = Row::with_capacity(row.len());
        for (column, cell) in row {
            match (cell, &place) {
                (Raw::Ready(cell), _) => opened.push((column, cell)),
                (Raw::Sealed(bytes), Some(place)) => {
                    if let Some(text) = place.open_text(column, column, keys, &bytes)? {
                        opened.push((column, Cell::Personal(Secret::new(text))));
                    }
                }
                (Raw::Sealed(_), None) => {
                    return Err(corrupt(table, column, whose.person, "nobody knows its place"));
                }
            }
        }
        Ok(opened)
    }
}

/// Where a row's ciphertexts stand; `None` for a table without any.
fn place_of<'a>(
    store: &'a SeaStore,
    table: &'static str,
    whose: Whose,
    row: &RawRow,
) -> Result<Option<Place<'a>>, PortError> {
    let Some(columns) = columns_of(table) else {
        return Ok(None);
    };
    let id_in = |name: &str| {
        let cell = row.iter().find(|(column, _)| *column == name);
        match cell {
            Some((_, Raw::Ready(Cell::Word(text)))) => Uuid::parse_str(text).ok(),
            _ => None,
        }
    };
    let missing = |column| corrupt(table, column, whose.person, "not an id");
    Ok(Some(Place {
        keyring: &store.inner.keyring,
        organization: whose.organization,
        table,
        row: id_in(columns.key).ok_or_else(|| missing("id"))?,
        subject: id_in(columns.subject).map(UserId::from_uuid),
    }))
}

fn raw_row(row: &QueryResult, columns: &[(&'static str, ColumnClass)]) -> Result<RawRow, DbErr> {
    let mut raw = RawRow::with_capacity(columns.len());
    for (name, class) in columns {
        if let Some(cell) = raw_cell(row, name, *class)? {
            raw.push((name, cell));
        }
    }
    Ok(raw)
}

fn raw_cell(row: &QueryResult, name: &str, class: ColumnClass) -> Result<Option<Raw>, DbErr> {
    let ready = |cell: Option<Cell>| Ok(cell.map(Raw::Ready));
    match class {
        ColumnClass::Sealed => {
            let bytes: Option<Vec<u8>> = row.try_get("", name)?;
            Ok(bytes.map(Raw::Sealed))
        }
        ColumnClass::Time => ready(number(row, name)?.map(|at| Cell::Time(Timestamp::from_micros(at)))),
        ColumnClass::Count => ready(number(row, name)?.map(Cell::Number)),
        ColumnClass::Id | ColumnClass::Pseudonym if !TEXT_IDS.contains(&name) => {
            let Ok(id) = row.try_get::<Option<Uuid>>("", name) else {
                let bytes: Option<Vec<u8>> = row.try_get("", name)?;
                return ready(bytes.map(|bytes| Cell::Word(hex(&bytes))));
            };
            ready(id.map(|id| Cell::Word(id.to_string())))
        }
        _ => {
            let Ok(text) = row.try_get::<Option<String>>("", name) else {
                let holds: Option<bool> = row.try_get("", name)?;
                return ready(holds.map(|holds| Cell::Word(holds.to_string())));
            };
            ready(text.map(Cell::Word))
        }
    }
}

/// What an authenticator made up is bytes, and not of the length of an id.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// Small numbers are of a smaller type in some columns.
fn number(row: &QueryResult, name: &str) -> Result<Option<i64>, DbErr> {
    match row.try_get::<Option<i64>>("", name) {
        Ok(number) => Ok(number),
        Err(_smaller) => Ok(row.try_get::<Option<i32>>("", name)?.map(i64::from)),
    }
}
