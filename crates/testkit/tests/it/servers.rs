//! Throwaway servers start, stop, come back and leave nothing behind.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use vutf_testkit::servers::database::{create_empty, server_version};
use vutf_testkit::servers::{
    Home, Place, Postgres, PostgresOptions, Process, Redis, RedisOptions, Signal, require_postgres,
    require_redis,
};

#[tokio::test]
async fn postgres_keeps_its_data_over_a_kill_and_a_restart_on_the_same_port() {
    if require_postgres().is_none() {
        return;
    }
    let mut server = Postgres::start(&PostgresOptions {
        fsync: true,
        ..PostgresOptions::default()
    })
    .unwrap();
    let (port, url) = (server.port(), server.url());
    assert!(
        server.version().contains(&server_version(&url).await.unwrap()),
        "{}",
        server.version()
    );
    let database = create_empty(&url).await.unwrap();
    database
        .execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        .await
        .unwrap();

    server.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.restart().unwrap();
    assert_eq!(server.port(), port);
    database
        .execute("DO $$ BEGIN ASSERT (SELECT n FROM kept) = 7; END $$")
        .await
        .unwrap();
    server.restart().unwrap();
    database.execute("INSERT INTO kept VALUES (8)").await.unwrap();
}

#[test]
fn a_wrong_setting_is_named_by_the_log_in_the_error() {
    if require_postgres().is_none() {
        return;
    }
    let settings = vec!["no_such_setting=1".to_owned()];
    let error = Postgres::start(&PostgresOptions {
        settings,
        ..PostgresOptions::default()
    })
    .unwrap_err();
    assert!(format!("{error:#}").contains("no_such_setting"), "{error:#}");
}

#[test]
fn redis_stops_comes_back_on_its_port_and_can_be_frozen() {
    if require_redis().is_none() {
        return;
    }
    let mut server = Redis::start(RedisOptions::default()).unwrap();
    let url = server.url();
    assert!(ping(&url));
    server.stop();
    assert!(!ping(&url));
    assert!(server.pause().is_err());
    server.restart_on_same_port().unwrap();
    assert_eq!(server.url(), url);
    assert!(ping(&url));
    server.pause().unwrap();
    assert!(!ping(&url));
    server.resume().unwrap();
    assert!(ping(&url));
}

#[test]
fn the_password_is_needed_and_is_not_among_the_arguments() {
    if require_redis().is_none() {
        return;
    }
    let server = Redis::start(RedisOptions::default()).unwrap();
    let url = server.url();
    let password = url.split([':', '@']).nth(2).unwrap().to_owned();
    assert!(!ping(&url.replace(&password, "wrong")));
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&arguments).contains(&password));
    }
}

#[test]
fn a_process_that_ignores_its_signal_is_killed_on_drop() {
    let home = std::sync::Arc::new(Home::create("stubborn", Place::Disk).unwrap());
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", "trap '' TERM; echo trapped; while :; do sleep 1; done"]);
    let mut process = Process::spawn(&command, home.clone(), Signal::Terminate, "").unwrap();
    process.wait_ready(|| home.log_tail(1) == "trapped").unwrap();
    process.signal(Signal::Terminate).unwrap();
    assert!(process.wait(Duration::from_millis(200)).is_none());
    let proc_entry = PathBuf::from(format!("/proc/{}", process.id()));
    assert!(process.kill().is_some());
    assert!(!proc_entry.exists());
    assert!(process.signal(Signal::Terminate).is_err());
}

fn ping(url: &str) -> bool {
    let (password, address) = url
        .strip_prefix("redis://:")
        .unwrap()
        .strip_suffix("/0")
        .unwrap()
        .split_once('@')
        .unwrap();
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let _broken = stream.write_all(format!("AUTH {password}\r\nPING\r\n").as_bytes());
    let mut answer = [0_u8; 12];
    stream.read_exact(&mut answer).is_ok() && answer.ends_with(b"+PONG\r\n")
}
