//! What an administrator of the database can do to API keys and accounts of programs, and how each attempt is noticed.

use vutf_identity::{IdentityRead as _, User, api_key::ApiKey};
use vutf_kernel::OrganizationId;
use vutf_testkit::factory::Factory;

use crate::world::World;

on_both!(
    a_key_that_was_changed_lets_nobody_in,
    a_secret_that_was_moved_lets_nobody_in,
    a_key_that_was_ended_stays_ended,
    a_program_that_was_made_a_person_is_refused,
    a_dump_shows_neither_names_nor_networks
);

const HOME: OrganizationId = OrganizationId::DEFAULT;

async fn keyed(world: &World, factory: &mut Factory) -> (User, ApiKey) {
    let user = factory.user();
    let key = factory.api_key(&user);
    let mut unit = world.unit().await;
    unit.users().insert(&user).await.unwrap();
    unit.api_keys().insert(&key).await.unwrap();
    unit.commit().await.unwrap();
    (user, key)
}

/// A request with the key fails, and the log line names table, column and row.
async fn refused(world: &World, key: &ApiKey, column: &str) {
    let answer = world.store.api_key_status(key.lookup).await;
    let text = answer.unwrap_err().chain();
    let place = format!("api_keys.{column} of row {}", key.id);
    assert!(text.contains(&place), "{text}");
    let mut unit = world.unit().await;
    assert!(unit.api_keys().find(HOME, key.id).await.is_err());
}

async fn a_key_that_was_changed_lets_nobody_in(world: World) {
    let mut factory = Factory::new(0xA91);
    let (_, other) = keyed(&world, &mut factory).await;
    let other = world.id(other.user_id.as_uuid());
    for (change, column) in [
        (
            "scopes = 'audit:read roles:assign users:read'".to_owned(),
            "row_mac",
        ),
        ("expires_at = expires_at + 1".to_owned(), "row_mac"),
        ("networks_ct = NULL".to_owned(), "row_mac"),
        (format!("secret_hash = {}", world.bytes(&[7; 32])), "row_mac"),
        // What is sealed under one person's key does not open as another's.
        (format!("user_id = {other}"), "name_ct"),
    ] {
        let (_, key) = keyed(&world, &mut factory).await;
        assert!(world.store.api_key_status(key.lookup).await.unwrap().is_some());
        let id = world.id(key.id.as_uuid());
        world
            .sql(&format!("UPDATE api_keys SET {change} WHERE id = {id}"))
            .await;
        refused(&world, &key, column).await;
    }
}

/// Whoever puts the hash of their own key into the row of a stronger one.
async fn a_secret_that_was_moved_lets_nobody_in(world: World) {
    let mut factory = Factory::new(0xA92);
    let ((_, theirs), (_, own)) = (
        keyed(&world, &mut factory).await,
        keyed(&world, &mut factory).await,
    );
    let [to, from] = [&theirs, &own].map(|key| world.id(key.id.as_uuid()));
    world
        .sql(&format!(
            "UPDATE api_keys SET secret_hash = (SELECT secret_hash FROM api_keys WHERE id = {from}) WHERE id = {to}"
        ))
        .await;
    refused(&world, &theirs, "row_mac").await;
}

async fn a_key_that_was_ended_stays_ended(world: World) {
    let mut factory = Factory::new(0xA93);
    let (user, key) = keyed(&world, &mut factory).await;
    let now = factory.now();
    let ended = ApiKey {
        revoked_at: Some(now),
        stamps: key.stamps.clone().changed(Some(user.id), now),
        ..key.clone()
    };
    let mut unit = world.unit().await;
    unit.api_keys().end(&ended).await.unwrap();
    unit.commit().await.unwrap();
    world.sql("UPDATE api_keys SET revoked_at = NULL").await;
    refused(&world, &key, "row_mac").await;
}

/// A person signs in, and a program does not: the kind is under the row's MAC.
async fn a_program_that_was_made_a_person_is_refused(world: World) {
    let mut factory = Factory::new(0xA94);
    let (program, person) = (factory.program(), factory.user());
    let mut unit = world.unit().await;
    for user in [&program, &person] {
        unit.users().insert(user).await.unwrap();
    }
    unit.commit().await.unwrap();
    for (user, kind) in [(&program, "person"), (&person, "service")] {
        let id = world.id(user.id.as_uuid());
        world
            .sql(&format!("UPDATE users SET kind = '{kind}' WHERE id = {id}"))
            .await;
        let mut unit = world.unit().await;
        let error = unit.users().find(HOME, user.id).await.unwrap_err();
        assert!(error.chain().contains("users.row_mac"), "{}", error.chain());
    }
}

async fn a_dump_shows_neither_names_nor_networks(world: World) {
    let mut factory = Factory::new(0xA95);
    let (_, key) = keyed(&world, &mut factory).await;
    let row = "SELECT name_ct, networks_ct FROM api_keys";
    let rows = world.rows(row).await;
    for column in 0..2 {
        let sealed: Vec<u8> = rows[0].try_get_by_index(column).unwrap();
        let text = String::from_utf8_lossy(&sealed);
        assert!(
            !text.contains(key.name.expose()) && !text.contains("192.0.2.0"),
            "{text}"
        );
    }
}
