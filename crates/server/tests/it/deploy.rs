//! What is deployed beside the service names what the service has: metrics, and headings of the operator's guide.

use std::{collections::BTreeSet, fs, path::PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// Words that look like the name of a metric of ours.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = |word: &&str| {
        ["vutf_", "http_request", "process_"]
            .iter()
            .any(|prefix| word.starts_with(prefix))
    };
    // A histogram is read by its series.
    words
        .filter(ours)
        .map(|word| word.trim_end_matches("_bucket").to_owned())
        .collect()
}

fn declared() -> BTreeSet<String> {
    let telemetry = root().join("crates/server/src/telemetry");
    let files = fs::read_dir(telemetry).unwrap();
    let sources: Vec<String> = files
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let texts = sources
        .iter()
        .flat_map(|source| source.split('"').skip(1).step_by(2));
    let is_name = |text: &&str| {
        text.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    texts
        .filter(is_name)
        .filter(|text| metrics(text).contains(*text))
        .map(str::to_owned)
        .collect()
}

#[test]
fn alerts_and_dashboard_read_metrics_that_exist_and_the_guide_explains_all() {
    let declared = declared();
    assert!(declared.contains("vutf_breaker_state"), "{declared:?}");
    for file in ["deploy/prometheus/rules.yaml", "deploy/grafana/dashboard.json"] {
        let unknown: Vec<_> = metrics(&read(file)).difference(&declared).cloned().collect();
        assert_eq!(unknown, Vec::<String>::new(), "{file} reads what nobody writes");
    }
    let explained = metrics(&read("docs/guides/operate.md"));
    let silent: Vec<_> = declared.difference(&explained).collect();
    assert_eq!(
        silent,
        Vec::<&String>::new(),
        "docs/guides/operate.md does not say what to do about them"
    );
}

/// A selector that names no kind of key is an alert that never fires.
#[test]
fn alerts_name_kinds_of_keys_that_there_are() {
    let uses = vutf_crypto_keys::Uses::default();
    let mut kinds: BTreeSet<&str> = uses.each().map(|(kind, ..)| kind).collect();
    kinds.insert("kek");
    let rules = read("deploy/prometheus/rules.yaml");
    let selectors = ["purpose=~\"", "purpose=\""].map(|start| rules.split(start).skip(1));
    let named: BTreeSet<&str> = selectors
        .into_iter()
        .flatten()
        .filter_map(|rest| rest.split('"').next())
        .flat_map(|names| names.split('|'))
        .collect();
    assert!(named.contains("kek") && named.contains("tenant"), "{named:?}");
    let unknown: Vec<_> = named.difference(&kinds).collect();
    assert_eq!(unknown, Vec::<&&str>::new(), "of {kinds:?}");
}

#[test]
fn every_runbook_that_an_alert_names_is_written() {
    let guide = read("docs/guides/operate.md");
    let headings: BTreeSet<String> = guide
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|title| anchor(title.trim_start_matches('#').trim()))
        .collect();
    let rules = read("deploy/prometheus/rules.yaml");
    let named: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("runbook: docs/guides/operate.md#"))
        .collect();
    assert!(!named.is_empty());
    for name in named {
        assert!(headings.contains(name), "there is no heading for #{name}");
    }
}

/// As GitHub makes it.
fn anchor(title: &str) -> String {
    let kept = title
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
