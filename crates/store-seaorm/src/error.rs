//! Database errors, by kind.

use sea_orm::{DbErr, RuntimeErr, SqlErr};
use vutf_kernel::{Fault, PortError};

/// SQLSTATE of a transaction that lost a race: serialization failure, deadlock, lock not available.
const CONTENTION: [&str; 3] = ["40001", "40P01", "55P03"];
/// SQLSTATE classes of a server that is not there for us: connection exception, insufficient resources, operator intervention.
const UNREACHABLE: [&str; 3] = ["08", "53", "57"];
/// SQLSTATE of a server that only reads, e.g. one that is no primary any more.
const READ_ONLY: &str = "25006";

pub(crate) fn port(op: &'static str) -> impl FnOnce(DbErr) -> PortError {
    move |error| PortError::new(op, fault(&error), error)
}

pub(crate) fn fault(error: &DbErr) -> Fault {
    if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) {
        return Fault::Duplicate;
    }
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Fault::Unreachable,
        DbErr::Exec(RuntimeErr::SqlxError(inner)) | DbErr::Query(RuntimeErr::SqlxError(inner)) => {
            of_sqlx(inner)
        }
        _ => Fault::Other,
    }
}

/// Whether the connection ended before the answer came: by the network, or by the server on its way down (57P01, 57P02).
pub(crate) fn is_cut(error: &DbErr) -> bool {
    match driver(error) {
        Some(sqlx::Error::Io(_)) => true,
        Some(sqlx::Error::Database(database)) => database
            .code()
            .is_some_and(|code| code.starts_with("08") || code == "57P01" || code == "57P02"),
        _ => false,
    }
}

/// Whether it is what the server answered.
pub(crate) fn is_answer(error: &DbErr) -> bool {
    matches!(driver(error), Some(sqlx::Error::Database(_))) && !is_cut(error)
}

fn driver(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(inner)) | DbErr::Query(RuntimeErr::SqlxError(inner)) => Some(inner),
        _ => None,
    }
}

fn of_sqlx(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Fault::Unreachable,
        sqlx::Error::Database(database) => match database.code().as_deref() {
            Some(code) if CONTENTION.contains(&code) => Fault::Contention,
            // SQLITE_BUSY and its extended codes.
            Some("5" | "261" | "517") => Fault::Contention,
            Some(READ_ONLY) => Fault::Unreachable,
            Some(code) if code.len() == 5 && UNREACHABLE.iter().any(|class| code.starts_with(class)) => {
                Fault::Unreachable
            }
            Some(code) if is_sqlite_disk(code) => Fault::Unreachable,
            _ => Fault::Other,
        },
        _ => Fault::Other,
    }
}

/// SQLITE_FULL (13) and SQLITE_IOERR (10) with its extended codes: the disk is the dependency that is not there. Nothing was
/// done, and trying again can help once there is room. SQLSTATEs have five characters, and so cannot be meant.
fn is_sqlite_disk(code: &str) -> bool {
    code.len() < 5
        && code
            .parse::<u32>()
            .is_ok_and(|code| matches!(code & 0xFF, 10 | 13))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_a_dependency_that_is_not_there() {
        for (code, is_disk) in [
            ("13", true),
            ("10", true),
            ("778", true),
            ("5", false),
            ("2067", false),
            ("23505", false),
        ] {
            assert_eq!(is_sqlite_disk(code), is_disk, "{code}");
        }
    }
}
