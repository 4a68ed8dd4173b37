//! What an administrator of the database can do to rows, and how each attempt is noticed.

use vutf_identity::{IdentityRead as _, LoginName, Session, User};
use vutf_kernel::{OrganizationId, PortError};
use vutf_testkit::{contracts::NEIGHBOUR, factory::Factory};

use crate::world::World;

on_both!(
    swapped_cells_are_refused,
    a_cell_that_was_rolled_back_is_refused,
    a_password_that_was_rolled_back_is_refused,
    a_status_that_was_edited_is_refused_with_every_request,
    a_row_that_was_copied_across_tenants_is_refused,
    an_index_that_was_moved_leads_to_nobody
);

const HOME: OrganizationId = OrganizationId::DEFAULT;

struct Person {
    user: User,
    session: Session,
}

async fn person(world: &World, factory: &mut Factory) -> Person {
    let user = factory.user();
    let (session, password) = (factory.session(&user), factory.password(&user));
    let mut unit = world.unit().await;
    unit.users().insert(&user).await.unwrap();
    unit.passwords().put(&password).await.unwrap();
    unit.sessions().insert(&session).await.unwrap();
    unit.commit().await.unwrap();
    Person { user, session }
}

async fn find(world: &World, user: &User) -> Result<Option<User>, PortError> {
    let mut unit = world.unit().await;
    unit.users().find(user.organization_id, user.id).await
}

/// The refusal names table, column and row, and shows nothing of anybody.
#[track_caller]
fn names<T: std::fmt::Debug>(answer: Result<T, PortError>, place: &str, user: &User) {
    let text = answer.unwrap_err().chain();
    assert!(
        text.contains(place) && text.contains(&user.id.to_string()),
        "{text}"
    );
    assert!(!text.contains(user.email.expose()), "{text}");
}

async fn swapped_cells_are_refused(world: World) {
    let mut factory = Factory::new(0xDBA1);
    let (one, two) = (
        person(&world, &mut factory).await,
        person(&world, &mut factory).await,
    );
    let [a, b] = [&one, &two].map(|person| world.id(person.user.id.as_uuid()));
    world
        .sql("CREATE TABLE kept AS SELECT id, email_ct FROM users")
        .await;
    world
        .sql(&format!(
            "UPDATE users SET email_ct = (SELECT email_ct FROM kept WHERE id = CASE users.id WHEN {a} THEN {b} ELSE {a} END)"
        ))
        .await;
    for person in [&one, &two] {
        names(find(&world, &person.user).await, "users.email_ct", &person.user);
    }
}

/// The older ciphertext is authentic, and was in this very cell.
async fn a_cell_that_was_rolled_back_is_refused(world: World) {
    let mut factory = Factory::new(0xDBA2);
    let before = person(&world, &mut factory).await.user;
    let id = world.id(before.id.as_uuid());
    world.sql("CREATE TABLE kept AS SELECT * FROM users").await;
    let other = factory.user();
    let mut after = before.clone().changed(None, factory.now());
    after.email = other.email;
    let mut unit = world.unit().await;
    unit.users().update(&after).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(find(&world, &after).await.unwrap().as_ref(), Some(&after));

    for columns in [
        &["email_ct"][..],
        &["email_ct", "email_bidx"],
        &["email_ct", "email_bidx", "pii_mac"],
        &["email_ct", "email_bidx", "pii_mac", "row_mac"],
    ] {
        world.sql("DROP TABLE IF EXISTS present").await;
        world.sql("CREATE TABLE present AS SELECT * FROM users").await;
        for (from, refused) in [("kept", true), ("present", false)] {
            let changes: Vec<String> = columns
                .iter()
                .map(|column| format!("{column} = (SELECT {column} FROM {from} WHERE id = {id})"))
                .collect();
            world
                .sql(&format!(
                    "UPDATE users SET {} WHERE id = {id}",
                    changes.join(", ")
                ))
                .await;
            let found = find(&world, &after).await;
            if refused {
                names(found, "_mac", &after);
            } else {
                assert_eq!(found.unwrap().as_ref(), Some(&after), "put back, it opens");
            }
        }
    }
}

async fn a_password_that_was_rolled_back_is_refused(world: World) {
    let mut factory = Factory::new(0xDBA3);
    let user = person(&world, &mut factory).await.user;
    world.sql("CREATE TABLE kept AS SELECT * FROM passwords").await;
    let newer = factory.password(&user);
    let mut unit = world.unit().await;
    unit.passwords().put(&newer).await.unwrap();
    unit.commit().await.unwrap();
    world
        .sql("UPDATE passwords SET phc_ct = (SELECT phc_ct FROM kept)")
        .await;
    let mut unit = world.unit().await;
    names(
        unit.passwords().find(HOME, user.id).await,
        "passwords.row_mac",
        &user,
    );
}

async fn a_status_that_was_edited_is_refused_with_every_request(world: World) {
    let mut factory = Factory::new(0xDBA4);
    let Person { user, session } = person(&world, &mut factory).await;
    let id = world.id(user.id.as_uuid());
    let locked = user.clone().lock(None, factory.now()).unwrap();
    let mut unit = world.unit().await;
    unit.users().update(&locked).await.unwrap();
    unit.commit().await.unwrap();
    let status = world.store.session_status(session.id).await.unwrap().unwrap();
    assert!(!status.is_live(session.stamps.created_at));
    for edit in [
        "status = 'active'",
        "status = 'active', epoch = epoch - 1",
        "epoch = epoch - 1",
        "version = version - 1",
        "email_verified_at = NULL",
        "row_mac = NULL",
        "row_mac = pii_mac",
    ] {
        world.sql("CREATE TABLE present AS SELECT * FROM users").await;
        world
            .sql(&format!("UPDATE users SET {edit} WHERE id = {id}"))
            .await;
        names(
            world.store.session_status(session.id).await,
            "users.row_mac",
            &user,
        );
        names(find(&world, &user).await, "users.row_mac", &user);
        for column in ["status", "epoch", "version", "email_verified_at", "row_mac"] {
            world
                .sql(&format!(
                    "UPDATE users SET {column} = (SELECT {column} FROM present)"
                ))
                .await;
        }
        world.sql("DROP TABLE present").await;
        assert_eq!(find(&world, &user).await.unwrap().as_ref(), Some(&locked));
    }
}

async fn a_row_that_was_copied_across_tenants_is_refused(world: World) {
    let mut factory = Factory::new(0xDBA5);
    let user = person(&world, &mut factory).await.user;
    world
        .sql(&format!(
            "UPDATE users SET organization_id = {}",
            world.id(NEIGHBOUR.as_uuid())
        ))
        .await;
    let there = User {
        organization_id: NEIGHBOUR,
        ..user.clone()
    };
    names(find(&world, &there).await, "users.row_mac", &there);
    // With its key, too.
    world
        .sql(&format!(
            "UPDATE crypto_keys SET organization_id = {} WHERE subject_id = {}",
            world.id(NEIGHBOUR.as_uuid()),
            world.id(user.id.as_uuid())
        ))
        .await;
    names(find(&world, &there).await, "users.row_mac", &there);
}

/// Whoever gives their own row the index of somebody else's name is not found under it.
async fn an_index_that_was_moved_leads_to_nobody(world: World) {
    let mut factory = Factory::new(0xDBA6);
    let (one, two) = (
        person(&world, &mut factory).await.user,
        person(&world, &mut factory).await.user,
    );
    let [a, b] = [&one, &two].map(|user| world.id(user.id.as_uuid()));
    world.sql("CREATE TABLE kept AS SELECT * FROM users").await;
    world
        .sql(&format!(
            "UPDATE users SET email_bidx = {} WHERE id = {a}",
            world.bytes(b"moved")
        ))
        .await;
    world
        .sql(&format!(
            "UPDATE users SET email_bidx = (SELECT email_bidx FROM kept WHERE id = {a}) WHERE id = {b}"
        ))
        .await;
    let mut unit = world.unit().await;
    let name = LoginName::Email(one.email.clone());
    let found = unit.users().find_by_login(HOME, &name).await;
    names(found, "users.email_bidx", &two);
}
