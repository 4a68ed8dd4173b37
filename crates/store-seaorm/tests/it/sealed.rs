//! Personal data is nowhere in clear, and a ciphertext opens in its own place only.

use vutf_identity::User;
use vutf_kernel::{OrganizationId, PortError};
use vutf_testkit::factory::Factory;

use crate::world::{Place, World, hex};

on_both!(
    planted_values_are_nowhere_in_clear,
    a_ciphertext_in_another_place_is_refused_by_name
);

const HOME: OrganizationId = OrganizationId::DEFAULT;

/// Everything that the database has on disk or would put into a dump.
async fn everything(world: &World) -> Vec<u8> {
    if let Place::Sqlite(file) = &world.place {
        return file.bytes().unwrap();
    }
    let mut dump = String::new();
    for table in world
        .rows("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .await
    {
        let table: String = table.try_get_by_index(0).unwrap();
        for row in world.rows(&format!("SELECT t::text FROM {table} t")).await {
            dump.push_str(&row.try_get_by_index::<String>(0).unwrap());
            dump.push('\n');
        }
    }
    dump.into_bytes()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window.eq_ignore_ascii_case(needle))
}

/// In clear, or in the hexadecimal in which a dump shows bytes.
fn shows(haystack: &[u8], text: &str) -> bool {
    holds(haystack, text.as_bytes()) || holds(haystack, hex(text.as_bytes()).as_bytes())
}

async fn plant(world: &World, factory: &mut Factory) -> (User, Vec<String>) {
    let user = factory.user();
    let (session, password, event) = (factory.session(&user), factory.password(&user), factory.event());
    let mut secrets = vec![
        user.username.expose().to_owned(),
        user.email.expose().to_owned(),
        password.phc.expose().clone(),
    ];
    secrets.extend(user.display_name.as_ref().map(|name| name.expose().to_owned()));
    secrets.extend(user.phone.as_ref().map(|phone| phone.expose().to_owned()));
    secrets.extend(session.ip.clone());
    secrets.extend(session.user_agent.clone());
    secrets.extend(event.private.values().map(|value| value.expose().clone()));
    assert_eq!(secrets.len(), 10);
    let mut unit = world.unit().await;
    unit.users().insert(&user).await.unwrap();
    unit.passwords().put(&password).await.unwrap();
    unit.sessions().insert(&session).await.unwrap();
    unit.log().append(event).await.unwrap();
    unit.commit().await.unwrap();
    (user, secrets)
}

async fn planted_values_are_nowhere_in_clear(world: World) {
    let mut factory = Factory::new(9);
    let (user, mut secrets) = plant(&world, &mut factory).await;
    // What was there before a change must be as unreadable as what is there now.
    let mut next = user.changed(None, factory.now());
    let other = factory.user();
    (next.email, next.username) = (other.email, other.username);
    secrets.extend([next.email.expose().to_owned(), next.username.expose().to_owned()]);
    let mut unit = world.unit().await;
    unit.users().update(&next).await.unwrap();
    unit.commit().await.unwrap();

    for when in ["while it runs", "after it was closed"] {
        let all = everything(&world).await;
        for control in ["user.update", "store-test", "display_name"] {
            assert!(
                shows(&all, control),
                "the scan sees {control}, which is no secret"
            );
        }
        for secret in &secrets {
            assert!(!shows(&all, secret), "{secret} is in clear {when}");
        }
        world.store.close().await;
    }
}

async fn find(world: &World, user: &User) -> Result<Option<User>, PortError> {
    let mut unit = world.unit().await;
    unit.users().find(HOME, user.id).await
}

async fn a_ciphertext_in_another_place_is_refused_by_name(world: World) {
    let mut factory = Factory::new(10);
    let (one, _) = plant(&world, &mut factory).await;
    let (two, _) = plant(&world, &mut factory).await;
    assert!(find(&world, &one).await.unwrap().is_some());
    let [a, b] = [&one, &two].map(|user| world.id(user.id.as_uuid()));

    world
        .sql("CREATE TABLE kept AS SELECT id, email_ct, phone_ct, display_name_ct FROM users")
        .await;
    world
        .sql(&format!(
            "UPDATE users SET email_ct = (SELECT email_ct FROM kept WHERE id = CASE users.id WHEN {a} THEN {b} ELSE {a} END) \
             WHERE id IN ({a}, {b})"
        ))
        .await;
    for user in [&one, &two] {
        let refused = find(&world, user).await.unwrap_err().chain();
        assert!(
            refused.contains("users.email_ct") && refused.contains(&user.id.to_string()),
            "{refused}"
        );
        assert!(!refused.contains(user.email.expose()));
    }
    world
        .sql("UPDATE users SET email_ct = (SELECT email_ct FROM kept WHERE kept.id = users.id)")
        .await;
    assert!(find(&world, &one).await.unwrap().is_some(), "put back, it opens");

    world
        .sql(&format!(
            "UPDATE users SET phone_ct = display_name_ct WHERE id = {a}"
        ))
        .await;
    let refused = find(&world, &one).await.unwrap_err().chain();
    assert!(refused.contains("users.phone_ct"), "{refused}");
    world
        .sql(&format!(
            "UPDATE users SET phone_ct = NULL, display_name_ct = {} WHERE id = {b}",
            world.bytes(b"x")
        ))
        .await;
    let refused = find(&world, &two).await.unwrap_err().chain();
    assert!(refused.contains("users.display_name_ct"), "{refused}");
    assert!(
        two.display_name
            .iter()
            .all(|name| !refused.contains(name.expose()))
    );
    passwords_do_not_move(&world, &one, &two).await;
}

async fn passwords_do_not_move(world: &World, one: &User, two: &User) {
    let [a, b] = [one, two].map(|user| world.id(user.id.as_uuid()));
    world
        .sql(&format!(
            "UPDATE passwords SET phc_ct = (SELECT phc_ct FROM passwords WHERE user_id = {b}) WHERE user_id = {a}"
        ))
        .await;
    let mut unit = world.unit().await;
    let refused = unit.passwords().find(HOME, one.id).await.unwrap_err().chain();
    assert!(refused.contains("passwords.phc_ct"), "{refused}");
}
