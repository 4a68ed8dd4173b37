//! One database per test.

use vutf_testkit::servers::database::{create_empty, create_migrated};
use vutf_testkit::servers::{require_database, require_postgres};

#[tokio::test]
async fn two_tests_do_not_see_each_other_and_a_dropped_database_is_gone() {
    let Some(server) = require_postgres() else { return };
    let (one, other) = (
        create_empty(server).await.unwrap(),
        create_empty(server).await.unwrap(),
    );
    one.execute("CREATE TABLE mine (n int)").await.unwrap();
    assert!(other.execute("SELECT * FROM mine").await.is_err());

    // A connection that a test forgot does not keep its database alive.
    let _open = one.connect().await.unwrap();
    let name = one.name().to_owned();
    drop(one);
    let gone =
        format!("DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}'); END $$");
    other.execute(&gone).await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test]
async fn a_fresh_database_has_the_current_schema() {
    let Some(database) = require_database().await else {
        return;
    };
    database
        .execute("DO $$ BEGIN ASSERT (SELECT count(*) FROM seaql_migrations) > 0; END $$")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_sealed_template_cannot_be_entered() {
    let Some(server) = require_postgres() else { return };
    let template = create_migrated(server).await.unwrap();
    template.seal_as_template().await.unwrap();
    assert!(template.connect().await.is_err());
    template.close().await.unwrap();
}
