//! What is said about settings, and what a wrong one stops.

use super::Site;

/// Mistakes in every source, and what must be said about each.
fn mistaken() -> (Site, [&'static str; 4]) {
    let site = Site::new()
        .env("VUTF__LOG__LEVEL", "loud,=")
        .env("VUTF__SERVER__PROT", "1");
    let file = site.home().join("wrong.toml");
    std::fs::write(file, "[identity]\nmin_password_length = 4\n").unwrap();
    let named = [
        "log.level",
        "VUTF__SERVER__PORT",
        "identity.min_password_length",
        "server.grace",
    ];
    (site, named)
}

const WRONG: [&str; 4] = ["--config", "wrong.toml", "--set", "server.grace=soon"];

#[test]
fn every_command_lists_all_mistakes_with_exit_2_and_creates_nothing() {
    let (site, named) = mistaken();
    for command in [
        &["serve"][..],
        &["migrate", "up"],
        &["config", "check"],
        &["config", "show"],
        &["keys", "status"],
        &["audit", "verify"],
        &["user", "list"],
        &["healthcheck"],
    ] {
        let done = site.run(&[&WRONG, command].concat());
        assert_eq!(done.code, Some(2), "{command:?}: {}{}", done.out, done.err);
        assert_eq!(done.out, "", "{command:?}");
        for name in named {
            assert!(
                done.err.contains(name),
                "{command:?}: {name} is not in\n{}",
                done.err
            );
        }
    }
    let left: Vec<_> = std::fs::read_dir(site.home()).unwrap().collect();
    assert_eq!(left.len(), 1, "only the file that was there: {left:?}");
}

#[test]
fn a_program_finds_the_mistakes_in_json() {
    let (site, named) = mistaken();
    let done = site.run(&[&WRONG[..], &["config", "check", "--json"]].concat());
    assert_eq!(done.code, Some(2));
    let answer: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(answer["valid"], false);
    let mistakes = answer["mistakes"].as_array().unwrap();
    assert_eq!(mistakes.len(), named.len());
    assert!(mistakes.iter().all(|mistake| mistake["mend"] != ""));
    // Where there is no answer to give, they stand on standard error.
    let done = site.run(&[&WRONG[..], &["serve", "--json"]].concat());
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""));
    let answer: serde_json::Value = serde_json::from_str(&done.err).unwrap();
    assert_eq!(answer["mistakes"].as_array().unwrap().len(), named.len());
}

#[test]
fn a_secret_is_not_shown() {
    let site = Site::new()
        .env("VUTF__KEYS__KEK_PASSPHRASE", "planted-secret-passphrase")
        .env("VUTF__DATABASE__URL", "postgres://app:planted-secret@db/vutf");
    for arguments in [
        &["config", "show"][..],
        &["config", "show", "--json"],
        &["config", "check"],
    ] {
        let shown = site.run(arguments).ok();
        assert!(!shown.contains("planted-secret"), "{shown}");
    }
    let shown = site.run(&["config", "show"]).ok();
    assert!(
        shown.contains("environment VUTF__KEYS__KEK_PASSPHRASE"),
        "{shown}"
    );
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let site = Site::new().env("VUTF__AUDIT__LEASE", "6s");
    std::fs::write(
        site.home().join("violentutf.toml"),
        "[audit]\nlease = \"5s\"\nsequencer_batch = 7\n",
    )
    .unwrap();
    let shown = |arguments: &[&str]| {
        let value = site
            .run(&[arguments, &["config", "show", "--json"]].concat())
            .json();
        let setting = |path: &str| value["settings"][path]["value"].as_str().unwrap().to_owned();
        (setting("audit.lease"), setting("audit.sequencer_batch"))
    };
    assert_eq!(shown(&[]), ("6s".to_owned(), "7".to_owned()));
    assert_eq!(
        shown(&["--set", "audit.lease=7s"]),
        ("7s".to_owned(), "7".to_owned())
    );
}

#[test]
fn the_reference_in_the_tree_is_the_one_that_is_printed() {
    let site = Site::new();
    let printed = site.run(&["config", "schema", "--markdown"]).ok();
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    assert!(
        printed == std::fs::read_to_string(kept).unwrap(),
        "docs/configuration.md is stale: run `cargo xtask generate`"
    );
    let settings = site.run(&["config", "schema", "--json"]).json();
    for setting in settings.as_array().unwrap() {
        let path = setting["path"].as_str().unwrap();
        assert!(printed.contains(&format!("| `{path}`<br>")), "{path}");
    }
}
