//! `keys`: the key-encryption key in its file.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};

use vutf_crypto_keys::Suite;
use vutf_kernel::OsEntropy;
use vutf_kms::{FileKek, FileWrapper};
use vutf_testkit::{process::ServerProcess, sql};

use super::Site;

fn with_a_user() -> Site {
    let site = Site::migrated();
    site.admin("ada").json();
    site
}

impl Site {
    fn kek(&self) -> PathBuf {
        self.server.data().join("kek.vutf")
    }
    fn kek_id(&self) -> String {
        let file: serde_json::Value = serde_json::from_slice(&fs::read(self.kek()).unwrap()).unwrap();
        file["kek_id"].as_str().unwrap().to_owned()
    }
    fn previous(&self, kek_id: &str) -> PathBuf {
        self.kek().with_file_name(format!("kek.vutf.previous-{kek_id}"))
    }
    /// What is encrypted can be read.
    #[track_caller]
    fn reads(&self) {
        assert!(self.run(&["user", "list"]).ok().contains("ada@example.org"));
    }
    async fn events(&self, action: &str) -> i64 {
        let query = format!("SELECT COUNT(*) FROM audit_intake WHERE action = '{action}'");
        sql::number(&self.database(), &query).await.unwrap()
    }
    async fn rows_under(&self, kek_id: &str) -> i64 {
        let query = format!("SELECT COUNT(*) FROM crypto_keys WHERE wrapped_by = 'kek:{kek_id}'");
        sql::number(&self.database(), &query).await.unwrap()
    }
    /// Every wrapped key below a tenant key, and every encrypted field of a user.
    async fn below(&self) -> Vec<Vec<String>> {
        let keys = "SELECT hex(id), hex(wrapped), hex(mac) FROM crypto_keys \
                    WHERE purpose <> 'tenant' ORDER BY id";
        let fields = "SELECT hex(username_ct), hex(email_ct), hex(email_bidx) FROM users ORDER BY id";
        let mut found = sql::texts(&self.database(), keys).await.unwrap();
        assert!(!found.is_empty());
        found.extend(sql::texts(&self.database(), fields).await.unwrap());
        found
    }
}

#[tokio::test]
async fn a_rotated_key_file_moves_the_tenants_and_touches_nothing_below_them() {
    let site = with_a_user();
    let (first, below) = (site.kek_id(), site.below().await);
    assert_eq!(site.rows_under(&first).await, 1);
    let done = site.run(&["keys", "rotate-kek", "--json"]).json();
    let second = site.kek_id();
    assert_eq!(
        (&done["from"], &done["to"]),
        (&[first.as_str()].into(), &second.as_str().into())
    );
    assert_eq!((&done["rewrapped"], &done["resumed"]), (&1.into(), &false.into()));
    assert_eq!(site.rows_under(&first).await, 0);
    assert_eq!(site.rows_under(&second).await, 1);
    assert_eq!(site.below().await, below);
    assert_eq!(
        (site.events("kek.rotate").await, site.events("key.rewrap").await),
        (1, 1)
    );
    let mode = fs::metadata(site.previous(&first)).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    site.reads();

    let again = site.run(&["keys", "rewrap", "--json"]).json();
    assert_eq!(
        (&again["tenant_keys"], &again["rewrapped"]),
        (&1.into(), &0.into())
    );
    let gone = site
        .run(&["keys", "rotate-kek", "--forget-previous", "--json"])
        .json();
    assert_eq!(gone["forgotten"], serde_json::json!([first]));
    assert!(!site.previous(&first).exists());
    assert_eq!(site.events("kek.forget").await, 1);
    site.reads();
    site.run(&["audit", "verify"]).ok();
}

#[tokio::test]
async fn a_rotation_that_was_cut_off_is_finished_and_no_other_key_is_made() {
    let site = with_a_user();
    let first = site.kek_id();
    // Killed after the new key was put in place, before any row was rewrapped.
    let rotated = FileWrapper::rotate(
        &site.kek(),
        &FileKek::Unsealed,
        Suite::XChaCha20Poly1305,
        &first,
        &mut OsEntropy,
    )
    .unwrap();
    site.reads();
    let line = site.run(&["keys", "rotate-kek", "--forget-previous"]).failed(1);
    assert!(line.contains(&first) && line.contains("finish"), "{line}");
    assert!(site.previous(&first).exists());
    let done = site.run(&["keys", "rotate-kek", "--json"]).json();
    assert_eq!(
        (&done["resumed"], &done["to"]),
        (&true.into(), &rotated.to.as_str().into())
    );
    assert_eq!(site.kek_id(), rotated.to);
    assert_eq!(site.rows_under(&rotated.to).await, 1);
    site.run(&["keys", "rotate-kek", "--forget-previous"]).ok();
    site.reads();
}

#[tokio::test]
async fn a_rotation_that_was_cut_off_before_the_new_key_came_begins_again() {
    let site = with_a_user();
    let first = site.kek_id();
    fs::hard_link(site.kek(), site.previous(&first)).unwrap();
    site.reads();
    let done = site.run(&["keys", "rotate-kek", "--json"]).json();
    assert_eq!(done["resumed"], false);
    assert_ne!(site.kek_id(), first);
    site.reads();
}

#[tokio::test]
async fn a_row_that_was_changed_keeps_the_previous_key() {
    let site = with_a_user();
    let first = site.kek_id();
    let forged = "UPDATE crypto_keys SET not_after = not_after + 1 WHERE purpose = 'tenant'";
    FileWrapper::rotate(
        &site.kek(),
        &FileKek::Unsealed,
        Suite::XChaCha20Poly1305,
        &first,
        &mut OsEntropy,
    )
    .unwrap();
    sql::execute(&site.database(), forged).await.unwrap();
    // The start refuses it already.
    let line = site.run(&["keys", "rotate-kek"]).failed(1);
    assert!(line.contains("not authentic"), "{line}");
    assert!(site.previous(&first).exists());
}

#[tokio::test]
async fn a_lost_key_file_comes_back_from_its_custodians() {
    let site = with_a_user();
    let (kek_id, desk) = (site.kek_id(), site.home().join("ceremony"));
    let into = desk.to_str().unwrap();
    let split = [
        "keys",
        "split-kek",
        "--shares",
        "5",
        "--threshold",
        "3",
        "--into",
        into,
        "--json",
    ];
    let done = site.run(&split).json();
    assert_eq!(done["kek"], kek_id);
    assert_eq!(site.events("kek.split").await, 1);
    let share = |index: u8| desk.join(format!("share-{index}-of-5.txt"));
    for index in 1..=5 {
        let mode = fs::metadata(share(index)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let text = fs::read_to_string(share(index)).unwrap();
        assert!(!done.to_string().contains(text.lines().nth(5).unwrap()));
    }
    site.run(&split).failed(1);

    let files: Vec<String> = (1..=5).map(|index| share(index).display().to_string()).collect();
    let join = |chosen: &[usize]| {
        let mut arguments = vec!["keys", "join-kek"];
        arguments.extend(chosen.iter().map(|at| files[*at].as_str()));
        site.run(&arguments)
    };
    assert!(join(&[0, 1, 2]).failed(1).contains("already"));
    fs::remove_file(site.kek()).unwrap();
    assert!(join(&[0, 1]).failed(1).contains("2 of the 3"));
    assert!(join(&[0, 1, 1]).failed(1).contains("twice"));
    assert!(!site.kek().exists());
    let line = site.run(&["keys", "list"]).failed(1);
    assert!(line.contains(&kek_id) && line.contains("join-kek"), "{line}");
    assert!(!site.kek().exists(), "no new key is in the way of the old one");
    join(&[4, 0, 2]).ok();
    assert_eq!(site.kek_id(), kek_id);
    site.reads();

    fs::remove_file(site.kek()).unwrap();
    let typed: String = [1, 3, 4]
        .map(|index| fs::read_to_string(share(index)).unwrap().to_lowercase())
        .concat();
    site.run_with_input(&["keys", "join-kek"], &typed).ok();
    site.reads();
}

#[tokio::test]
async fn without_its_key_file_a_database_with_keys_is_refused_and_no_file_is_made() {
    let site = with_a_user();
    let (kek_id, path) = (site.kek_id(), site.kek().display().to_string());
    let away = site.kek().with_file_name("elsewhere");
    let keys = "SELECT count(*) FROM crypto_keys";
    let before = sql::number(&site.database(), keys).await.unwrap();
    fs::rename(site.kek(), &away).unwrap();
    for arguments in [
        &["serve"][..],
        &["keys", "list"],
        &["keys", "status"],
        &["keys", "rewrap"],
        &["keys", "rotate-kek"],
        &["keys", "rotate-kek", "--forget-previous"],
        &["user", "list"],
    ] {
        let line = site.run(arguments).failed(1);
        for part in [&path, &kek_id, "restore", "join-kek"] {
            assert!(line.contains(part), "{part:?} is not in {line:?}");
        }
        assert!(!site.kek().exists(), "{arguments:?} made a key file");
    }
    let found = site.run(&["doctor", "--json"]);
    assert_eq!(found.code, Some(1), "{}", found.out);
    assert!(found.out.contains(&kek_id), "{}", found.out);
    assert_eq!(sql::number(&site.database(), keys).await.unwrap(), before);
    fs::rename(&away, site.kek()).unwrap();
    site.reads();
}

#[tokio::test]
async fn a_key_that_was_in_the_configuration_is_asked_for_and_not_replaced() {
    let site = Site::new().env("VUTF__KEYS__KEK_KEY", &"ab".repeat(32));
    site.run(&["migrate", "up"]).ok();
    site.admin("ada").json();
    let server = ServerProcess::builder(site.home()).unwrap();
    let site = Site { server, ..site };
    let line = site.run(&["keys", "list"]).failed(1);
    for part in ["configured", "VUTF__KEYS__KEK_KEY", "import-kek"] {
        assert!(line.contains(part), "{part:?} is not in {line:?}");
    }
    assert!(!site.kek().exists());
}

#[test]
fn on_an_empty_database_the_first_start_makes_the_key_file() {
    let site = Site::migrated();
    assert!(!site.kek().exists());
    let mut server = site.server.spawn().unwrap();
    assert_eq!(server.terminate().unwrap(), Some(0));
    let first = site.kek_id();
    site.run(&["keys", "list"]).ok();
    assert_eq!(site.kek_id(), first);
}

#[test]
fn drafts_of_processes_that_were_killed_are_gone_after_the_next_start() {
    let site = with_a_user();
    let draft = |name: &str| site.kek().with_file_name(format!(".kek-{name}.tmp"));
    let (old, new) = (draft("0011223344556677"), draft("8899aabbccddeeff"));
    fs::write(&old, "half a key file").unwrap();
    fs::write(&new, "half a key file").unwrap();
    let now = fs::metadata(&new).unwrap().modified().unwrap();
    let hour_ago = now - Duration::from_hours(1);
    fs::File::options()
        .append(true)
        .open(&old)
        .unwrap()
        .set_modified(hour_ago)
        .unwrap();
    site.reads();
    assert!(!old.exists());
    assert!(new.exists(), "another process may be writing it");
}

#[test]
fn a_key_of_the_configuration_becomes_a_file_that_can_be_rotated() {
    let key = "ab".repeat(32);
    let site = Site::new().env("VUTF__KEYS__KEK_KEY", &key);
    site.run(&["migrate", "up"]).ok();
    site.admin("ada").json();
    let into_file = ["keys", "import-kek", "--json"];
    assert!(site.run(&into_file).failed(2).contains("keys.kek_key"));
    // The same place without that setting.
    let server = ServerProcess::builder(site.home()).unwrap();
    let site = Site { server, ..site };
    assert!(
        site.run_with_input(&into_file, "not a key\n")
            .failed(1)
            .contains("32 bytes")
    );
    let done = site.run_with_input(&into_file, &format!("{key}\n")).json();
    assert_eq!(
        (&done["kek"], site.kek_id().as_str()),
        (&"configured".into(), "configured")
    );
    site.reads();
    assert!(
        site.run_with_input(&into_file, &key)
            .failed(1)
            .contains("already")
    );
    let rotated = site.run(&["keys", "rotate-kek", "--json"]).json();
    assert_eq!(rotated["from"], serde_json::json!(["configured"]));
    site.run(&["keys", "rotate-kek", "--forget-previous"]).ok();
    site.reads();
}

#[test]
fn a_key_that_is_not_in_a_file_is_left_to_whoever_keeps_it() {
    let site = Site::new().env("VUTF__KEYS__KEK_KEY", &"ab".repeat(32));
    site.run(&["migrate", "up"]).ok();
    for arguments in [
        &["keys", "rotate-kek"][..],
        &["keys", "rotate-kek", "--forget-previous"],
        &[
            "keys",
            "split-kek",
            "--shares",
            "3",
            "--threshold",
            "2",
            "--into",
            "x",
        ],
        &["keys", "join-kek", "x"],
    ] {
        let line = site.run(arguments).failed(2);
        assert!(line.contains("keys.kek_key"), "{line}");
    }
    let line = site.run(&[
        "keys",
        "split-kek",
        "--shares",
        "17",
        "--threshold",
        "2",
        "--into",
        "x",
    ]);
    assert_eq!(line.code, Some(2));
}
