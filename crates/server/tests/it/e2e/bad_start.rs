//! Starts that must not succeed: each says what is wrong and how to mend it, and leaves nothing behind.

use std::net::TcpListener;

use vutf_testkit::{process::Ended, random, sql};

use super::World;

/// Exit code 1 and one line for a person, which holds every one of `parts`.
fn assert_one_line(ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let lines = ended.plain_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in parts {
        assert!(lines[0].contains(part), "{part:?} is not in {:?}", lines[0]);
    }
}

#[test]
fn every_mistake_in_the_configuration_is_listed_and_nothing_is_created() {
    let world = World::sqlite();
    let mistakes = [
        ("VUTF__SERVER__PORT", "seventy", "server.port"),
        ("VUTF__SERVER__PROT", "1", "did you mean `VUTF__SERVER__PORT`?"),
        (
            "VUTF__DATABASE__URL",
            "mysql://planted-secret@db/x",
            "database.url",
        ),
        (
            "VUTF__IDENTITY__ARGON2__MEMORY_KIB",
            "8",
            "identity.argon2.memory_kib",
        ),
        ("VUTF__LOG__LEVEL", "info,=", "log.level"),
        ("VUTF__CACHE__TIMEOUT", "soon", "cache.timeout"),
        (
            "VUTF__SERVER__TRUSTED_PROXIES",
            "0.0.0.0/0",
            "server.trusted_proxies",
        ),
        ("VUTF__PROFILE", "producton", "profile"),
    ];
    let site = mistakes
        .iter()
        .fold(world.server(), |site, (name, value, _)| site.env(name, value));
    let ended = site.run().unwrap();
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for (_, _, part) in mistakes {
        assert!(
            ended.stderr.contains(part),
            "{part:?} is not in:\n{}",
            ended.stderr
        );
    }
    assert!(!ended.stderr.contains("planted-secret"), "{}", ended.stderr);
    assert!(!site.data().exists(), "a wrong configuration leaves no trace");
}

#[test]
fn production_names_every_secret_that_is_missing() {
    let world = World::sqlite();
    let site = world
        .server()
        .env("VUTF__PROFILE", "production")
        .env("VUTF__KEYS__KEK_KEY", "")
        .env("VUTF__SERVER__HOST", "0.0.0.0")
        .env("VUTF__LOG__LEVEL", "debug");
    let ended = site.run().unwrap();
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for part in ["VUTF__KEYS__KEK_PASSPHRASE", "server.host", "log.level"] {
        assert!(
            ended.stderr.contains(part),
            "{part:?} is not in:\n{}",
            ended.stderr
        );
    }
    assert!(!site.data().exists());
}

#[test]
fn a_taken_port_is_named_with_its_setting() {
    let world = World::sqlite();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for setting in ["VUTF__SERVER__PORT", "VUTF__MANAGEMENT__PORT"] {
        let ended = world.server().env(setting, &port).run().unwrap();
        assert_one_line(&ended, &[setting, &port]);
    }
    drop(taken);
    let _started = world.server().env("VUTF__SERVER__PORT", &port).spawn().unwrap();
}

#[test]
fn a_data_directory_that_is_a_file_is_named_with_its_setting() {
    let world = World::sqlite();
    let file = world.home().join("file");
    std::fs::write(&file, "").unwrap();
    let ended = world.server().data_dir(&file).run().unwrap();
    assert_one_line(&ended, &["VUTF__DATA_DIR"]);
}

async fn newer_schema(world: World) {
    let site = world.server();
    let mut server = site.spawn().unwrap();
    server.terminate().unwrap();
    let plant = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_from_the_future', 0)";
    sql::execute(&world.database_url(), plant).await.unwrap();
    assert_one_line(&site.run().unwrap(), &["m9999_from_the_future", "newer"]);
    let take_back = "DELETE FROM seaql_migrations WHERE version = 'm9999_from_the_future'";
    sql::execute(&world.database_url(), take_back).await.unwrap();
    site.spawn().unwrap();
}

async fn wrong_key(world: World) {
    let site = world.server();
    let mut server = site.spawn().unwrap();
    server.terminate().unwrap();
    let keys = "SELECT count(*) FROM crypto_keys";
    let before = sql::number(&world.database_url(), keys).await.unwrap();
    let other = site.clone().env("VUTF__KEYS__KEK_KEY", &random::hex::<32>());
    assert_one_line(&other.run().unwrap(), &["key-encryption key"]);
    assert_eq!(
        sql::number(&world.database_url(), keys).await.unwrap(),
        before,
        "no key was made under it"
    );
    site.spawn().unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused_on_sqlite() {
    newer_schema(World::sqlite()).await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_on_postgres() {
    if let Some(world) = World::postgres().await {
        newer_schema(world).await;
    }
}

#[tokio::test]
async fn another_key_encryption_key_is_refused_on_sqlite() {
    wrong_key(World::sqlite()).await;
}

#[tokio::test]
async fn another_key_encryption_key_is_refused_on_postgres() {
    if let Some(world) = World::postgres().await {
        wrong_key(world).await;
    }
}
