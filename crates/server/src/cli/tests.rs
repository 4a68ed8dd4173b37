//! What may stand on the command line, and what it means.

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser as _, error::ErrorKind};
use vutf_crypto_keys::Purpose;

use super::{
    answer,
    args::{Audit, Cli, Command, Config, Keys, Migrate, User},
    database::sqlite_file,
};

fn parse(words: &[&str]) -> Result<Cli, clap::Error> {
    let arguments: Vec<OsString> = ["violentutf-api"]
        .iter()
        .chain(words)
        .map(OsString::from)
        .collect();
    Cli::try_parse_from(&arguments).and_then(|cli| cli.complete(&arguments))
}

fn command(words: &[&str]) -> Command {
    parse(words).unwrap().command.unwrap()
}

#[test]
fn the_declaration_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn no_command_is_serve_and_globals_stand_before_or_after() {
    assert!(parse(&[]).unwrap().command.is_none());
    for words in [
        ["--json", "--set", "server.port=1", "serve"],
        ["serve", "--json", "--set", "server.port=1"],
    ] {
        let cli = parse(&words).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.set, [("server.port".to_owned(), "1".to_owned())]);
    }
}

#[test]
fn no_setting_is_lost_silently() {
    let cli = parse(&["--set", "log.level=a=b", "--set=server.port=1", "serve"]).unwrap();
    assert_eq!(cli.global.set.len(), 2);
    assert_eq!(cli.global.set[0].1, "a=b");
    let error = parse(&["--set", "server.port=1", "serve", "--set", "log.level=debug"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
}

#[test]
fn a_setting_without_a_value_is_refused_and_not_repeated() {
    for bad in ["hunter2", "=hunter2"] {
        let error = parse(&["--set", bad]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("SECTION.KEY=VALUE"));
    }
}

#[test]
fn every_command_is_understood() {
    assert!(matches!(
        command(&["migrate", "up"]),
        Command::Migrate { action: Migrate::Up }
    ));
    assert!(matches!(
        command(&["migrate", "down", "--steps", "3"]),
        Command::Migrate {
            action: Migrate::Down { steps: 3, .. }
        }
    ));
    assert!(matches!(
        command(&["config", "schema", "--markdown"]),
        Command::Config {
            action: Config::Schema { markdown: true }
        }
    ));
    assert!(matches!(
        command(&["audit", "export", "--from", "7"]),
        Command::Audit {
            action: Audit::Export { from: 7, .. }
        }
    ));
    assert!(matches!(
        command(&["audit", "tail", "-f"]),
        Command::Audit {
            action: Audit::Tail { follow: true }
        }
    ));
    let Command::Keys {
        action: Keys::Rotate { purpose },
    } = command(&["keys", "rotate", "field:users"])
    else {
        panic!("not a rotation");
    };
    assert_eq!(purpose, Purpose::field("users"));
}

#[test]
fn wrong_usage_is_refused() {
    for words in [
        &["fly"][..],
        &["migrate"],
        &["migrate", "down", "--steps", "0"],
        &["migrate", "down", "--steps", "-1"],
        &["keys", "rotate", "everything"],
        &["audit", "export", "--from", "-1"],
        &["user", "create-admin", "--username", "ada"],
        &[
            "user",
            "create-admin",
            "--username",
            "a",
            "--email",
            "b",
            "--password",
            "c",
        ],
        &["user", "list", "--status", "happy"],
        &["completions", "cmd.exe"],
        &["config", "schema", "--markdown", "--json"],
    ] {
        assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words:?}");
    }
}

#[test]
fn a_password_is_never_an_argument() {
    let Command::User {
        action: User::CreateAdmin { password_file, .. },
    } = command(&[
        "user",
        "create-admin",
        "--username",
        "ada",
        "--email",
        "ada@example.org",
    ])
    else {
        panic!("not create-admin");
    };
    assert_eq!(password_file, None);
}

#[test]
fn every_command_has_help_with_an_example() {
    fn walk(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(!about.is_empty(), "{path}: no help");
        let after = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(after.contains("Examples:\n  "), "{path}: no example");
        let example = after.contains("violentutf-api");
        assert!(example, "{path}: the example does not call the program");
        for inner in command
            .get_subcommands()
            .filter(|inner| inner.get_name() != "help")
        {
            walk(inner, &path);
        }
    }
    walk(&Cli::command(), "");
}

#[test]
fn the_file_of_an_sqlite_url_is_found() {
    let file = |url: &str| sqlite_file(url).map(|path| path.display().to_string());
    assert_eq!(
        file("sqlite://./data/v.db?mode=rwc").as_deref(),
        Some("./data/v.db")
    );
    assert_eq!(file("sqlite:/var/v.db").as_deref(), Some("/var/v.db"));
    assert_eq!(file("sqlite::memory:"), None);
    assert_eq!(file("sqlite://v.db?mode=memory"), None);
    assert_eq!(file("postgres://host/v"), None);
}

#[test]
fn answers_are_aligned_and_counted() {
    let text = answer::table(
        ["A", "B"],
        &[["long cell".into(), "x".into()], ["y".into(), String::new()]],
    );
    assert_eq!(text, "A          B\nlong cell  x\ny\n");
    assert_eq!(answer::count(1, "event"), "1 event");
    assert_eq!(answer::count(0, "event"), "0 events");
    assert_eq!(answer::one_of(&["a", "b", "c"]), "expected a, b or c");
}
