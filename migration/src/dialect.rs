//! What differs between the two databases, and nothing else.

use sea_orm_migration::{
    SchemaManager,
    sea_orm::{ConnectionTrait, DbBackend, DbErr},
};

/// The columns of the audit mixin.
const STAMPS: &str = "created_at BIGINT NOT NULL, created_by {uuid}, updated_at BIGINT NOT NULL, updated_by {uuid}, \
     deleted_at BIGINT, deleted_by {uuid}, version BIGINT NOT NULL";

/// Runs `template`, in which `{uuid}`, `{blob}` and `{stamps}` stand for the database's types.
pub(crate) async fn run(manager: &SchemaManager<'_>, template: &str) -> Result<(), DbErr> {
    let (uuid, blob) = match manager.get_database_backend() {
        DbBackend::Postgres => ("UUID", "BYTEA"),
        _ => ("BLOB", "BLOB"),
    };
    let sql = template
        .replace("{stamps}", STAMPS)
        .replace("{uuid}", uuid)
        .replace("{blob}", blob);
    manager
        .get_connection()
        .execute_unprepared(&sql)
        .await
        .map(|_| ())
}

/// Runs one of two texts, for what has no common form.
pub(crate) async fn run_either(
    manager: &SchemaManager<'_>,
    postgres: &str,
    sqlite: &str,
) -> Result<(), DbErr> {
    let text = if manager.get_database_backend() == DbBackend::Postgres {
        postgres
    } else {
        sqlite
    };
    run(manager, text).await
}

/// Refuses UPDATE, DELETE and TRUNCATE on `table`.
pub(crate) async fn make_append_only(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    let postgres = format!(
        "CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION vutf_append_only();
         CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION vutf_append_only();"
    );
    let sqlite = format!(
        "CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;
         CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;"
    );
    run_either(manager, &postgres, &sqlite).await
}
