//! What is old is removed by a running service, once and with a record.

use vutf_testkit::{
    client::{ApiClient, Person},
    sql,
};

use super::{Admin, World, eventually, world::signed_in};

const LONG_AGO: &str = "UPDATE sessions SET expires_at = 1";
const SESSIONS: &str = "SELECT count(*) FROM sessions";
const TOKENS: &str = "SELECT count(*) FROM refresh_tokens";
const EVENTS: &str = "SELECT count(*) FROM audit_intake WHERE action = 'identity.sweep'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_sqlite() {
    what_is_old_goes(World::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_postgres() {
    if let Some(world) = World::postgres().await {
        what_is_old_goes(world).await;
    }
}

async fn what_is_old_goes(world: World) {
    let (site, url) = (world.server(), world.database_url());
    let mut server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    signed_in(&api, &Person::new("old")).await;
    assert_eq!(server.terminate().unwrap(), Some(0));
    assert!(sql::number(&url, SESSIONS).await.unwrap() >= 2);
    assert_eq!(
        sql::number(&url, EVENTS).await.unwrap(),
        0,
        "there was nothing to remove"
    );
    sql::execute(&url, LONG_AGO).await.unwrap();

    let server = site.spawn().unwrap();
    eventually("the old sessions are gone", async || {
        sql::number(&url, SESSIONS).await.unwrap() == 0
    })
    .await;
    assert_eq!(sql::number(&url, TOKENS).await.unwrap(), 0);
    assert_eq!(sql::number(&url, EVENTS).await.unwrap(), 1);
    // People stay.
    Admin::login(&api.at(server.base_url()), admin.person).await;
}
