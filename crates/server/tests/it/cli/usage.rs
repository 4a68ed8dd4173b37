//! Help, versions, documents, and calls that are wrong.

use std::process::Stdio;

use super::{Done, Site};

#[test]
fn an_unknown_command_is_exit_2_and_names_the_help() {
    for arguments in [&["fly"][..], &["migrate", "sideways"], &["--fly"]] {
        let done = Site::new().run(arguments);
        assert_eq!(done.code, Some(2));
        assert!(done.err.contains("--help"), "{}", done.err);
        assert_eq!(done.out, "");
    }
}

#[test]
fn help_goes_to_standard_output_with_examples() {
    for arguments in [
        &["--help"][..],
        &["audit", "--help"],
        &["user", "create-admin", "--help"],
    ] {
        let help = Site::new().run(arguments).ok();
        assert!(help.contains("Examples:\n  "), "{help}");
        assert!(!help.contains('\u{1b}'), "colours are for terminals");
    }
}

#[test]
fn the_version_says_how_it_was_built() {
    let site = Site::new();
    let facts = site.run(&["version", "--json"]).json();
    assert_eq!(facts["version"], env!("CARGO_PKG_VERSION"));
    assert!(facts["rustc"].as_str().unwrap().starts_with("rustc "));
    let text = site.run(&["version"]).ok();
    assert!(text.starts_with(&format!("violentutf-api {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_api_document_is_the_one_in_the_tree() {
    let printed = Site::new().run(&["openapi"]).ok();
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/openapi.json");
    assert!(
        printed == std::fs::read_to_string(kept).unwrap(),
        "docs/api/openapi.json is stale: run `cargo xtask generate`"
    );
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Site::new().run(&["completions", shell]).ok();
        for word in ["create-admin", "healthcheck", "--password-file"] {
            // fish writes options without their dashes.
            assert!(script.contains(word.trim_start_matches('-')), "{shell}: {word}");
        }
    }
}

#[test]
fn a_reader_who_leaves_early_gets_no_panic() {
    let site = Site::new();
    for arguments in [
        &["openapi"][..],
        &["config", "schema"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let mut child = site
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let done = Done::of(child.wait_with_output().unwrap());
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn nothing_that_only_prints_leaves_a_trace() {
    let site = Site::new();
    for arguments in [
        &["version"][..],
        &["openapi"],
        &["completions", "zsh"],
        &["config", "check"],
        &["config", "show"],
        &["config", "schema"],
        &["doctor"],
    ] {
        site.run(arguments).ok();
    }
    assert_eq!(std::fs::read_dir(site.home()).unwrap().count(), 0);
}
