//! What the repositories run their statements on.

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement,
    Value,
};
use vutf_kernel::PortError;

use crate::{SeaStore, error::fault};

/// A transaction, or connections without one.
pub(crate) enum Connection {
    /// Statements are one transaction.
    Transaction(DatabaseTransaction),
    /// Each statement stands for itself: what shows something has no need of more, and BEGIN and COMMIT cost as much as two
    /// statements do.
    Looks(SeaStore),
    /// As `Looks`, and what is written is one statement, which is kept until the commit: of PostgreSQL one round trip instead of
    /// three.
    Alone(SeaStore),
}

impl Connection {
    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::Transaction(tx) => tx.commit().await,
            Self::Looks(_) | Self::Alone(_) => Ok(()),
        }
    }

    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        match self {
            Self::Transaction(tx) => tx.rollback().await,
            Self::Looks(_) | Self::Alone(_) => Ok(()),
        }
    }
}

#[async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Transaction(tx) => tx.get_database_backend(),
            Self::Looks(store) | Self::Alone(store) => store.backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::Transaction(tx) => tx.execute_raw(statement).await,
            Self::Looks(_) | Self::Alone(_) => Err(only_reads()),
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            Self::Transaction(tx) => tx.execute_unprepared(sql).await,
            Self::Looks(_) | Self::Alone(_) => Err(only_reads()),
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let statement = with_plain_limit(statement);
        match self {
            Self::Transaction(tx) => tx.query_one_raw(statement).await,
            Self::Looks(store) | Self::Alone(store) => look(store, |db| db.query_one_raw(statement)).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Transaction(tx) => tx.query_all_raw(statement).await,
            Self::Looks(store) | Self::Alone(store) => look(store, |db| db.query_all_raw(statement)).await,
        }
    }
}

/// Through the breaker like every read, and with the database's own error.
async fn look<'a, T, F>(
    store: &'a SeaStore,
    query: impl FnOnce(&'a sea_orm::DatabaseConnection) -> F,
) -> Result<T, DbErr>
where
    F: Future<Output = Result<T, DbErr>>,
{
    let mut own = None;
    let guarded = async {
        query(store.reader()).await.map_err(|error| {
            let port = PortError::new("look", fault(&error), error.to_string());
            own = Some(error);
            port
        })
    };
    let done = store.breaker().call("look", guarded).await;
    done.map_err(|refused| own.unwrap_or_else(|| DbErr::Conn(RuntimeErr::Internal(refused.chain()))))
}

fn only_reads() -> DbErr {
    DbErr::Custom("this unit of work only reads".into())
}

/// `LIMIT 1` in the text instead of a parameter: SQLite plans a statement anew whenever another value is bound to its limit,
/// each time it runs.
fn with_plain_limit(mut statement: Statement) -> Statement {
    let Some(text) = statement.sql.strip_suffix(" LIMIT ?") else {
        return statement;
    };
    if let Some(values) = &mut statement.values
        && let Some(Value::BigUnsigned(Some(1))) = values.0.last()
    {
        statement.sql = format!("{text} LIMIT 1");
        values.0.pop();
    }
    statement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_limit_of_one_at_the_end_becomes_text() {
        let made = |sql: &str, values: Vec<Value>| {
            let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
            let statement = with_plain_limit(statement);
            (
                statement.sql.clone(),
                statement.values.map_or(0, |values| values.0.len()),
            )
        };
        let one = || Value::BigUnsigned(Some(1));
        let text = |text: &str, count| (text.to_owned(), count);
        assert_eq!(
            made("SELECT 1 WHERE a = ? LIMIT ?", vec![7.into(), one()]),
            text("SELECT 1 WHERE a = ? LIMIT 1", 1)
        );
        let unchanged = [
            (
                "SELECT 1 WHERE a = ? LIMIT ?",
                vec![7.into(), Value::BigUnsigned(Some(2))],
            ),
            ("SELECT 1 WHERE a = $1 LIMIT $2", vec![7.into(), one()]),
            ("SELECT 1 WHERE a = ?", vec![one()]),
        ];
        for (sql, values) in unchanged {
            let count = values.len();
            assert_eq!(made(sql, values), text(sql, count));
        }
    }
}
