//! What a killed owner leaves behind: nothing.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vutf_testkit::servers::{Home, Place, Process, Signal};

/// Set in the process that plays the owner.
const OWNER: &str = "VUTF_TEST_PLAY_OWNER";

#[test]
fn the_watchdog_ends_the_server_and_removes_its_files_when_the_owner_is_killed() {
    if std::env::var_os(OWNER).is_some() {
        own_a_server();
    }
    let test = "orphans::the_watchdog_ends_the_server_and_removes_its_files_when_the_owner_is_killed";
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(OWNER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let said = lines
        .find_map(|line| line.split_once("server: ").map(|(_, said)| said.to_owned()))
        .unwrap();
    let (pid, home) = said.split_once(' ').unwrap();
    let (server, home) = (PathBuf::from(format!("/proc/{pid}/exe")), PathBuf::from(home));
    assert!(std::fs::symlink_metadata(&server).is_ok() && home.exists());

    owner.kill().unwrap();
    owner.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while home.exists() {
        assert!(Instant::now() < deadline, "{} is still there", home.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    // A zombie that nobody has reaped yet has no program any more.
    assert!(std::fs::read_link(&server).is_err());
}

#[expect(clippy::print_stdout, reason = "tells the test that started this process")]
fn own_a_server() -> ! {
    let home = Arc::new(Home::create("orphan", Place::Disk).unwrap());
    let mut sleeper = Command::new("sleep");
    sleeper.arg("600");
    let process = Process::spawn(&sleeper, Arc::clone(&home), Signal::Terminate, "").unwrap();
    println!("\nserver: {} {}", process.id(), home.path().display());
    loop {
        std::thread::park();
    }
}
