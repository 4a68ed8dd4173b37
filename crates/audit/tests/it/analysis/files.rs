//! The rules' files: their own cases, and what is no rule.

use std::{collections::BTreeSet, fs, path::Path};

use vutf_audit::analysis::{
    RuleError, RuleSet,
    rule::{BUILT_IN, Detector},
};

#[test]
fn every_case_of_every_file_comes_out_as_it_says() {
    let rules = RuleSet::built_in().unwrap();
    rules.check().unwrap();
    let cases: usize = rules.iter().map(|rule| rule.cases.len()).sum();
    assert!(cases >= 50, "{cases} cases");
}

#[test]
fn every_file_of_the_directory_is_built_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let there: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let listed: BTreeSet<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(there, listed);
}

#[test]
fn each_kind_of_detector_is_used() {
    let rules = RuleSet::built_in().unwrap();
    let kinds: BTreeSet<&str> = rules.iter().map(|rule| rule.detector.kind()).collect();
    assert_eq!(kinds.len(), 8, "{kinds:?}");
    let silent = rules
        .iter()
        .filter(|rule| !rule.enabled)
        .map(|rule| rule.id.as_str());
    assert_eq!(silent.collect::<Vec<_>>(), ["off-hours-administration"]);
}

fn text() -> String {
    let (_, text) = BUILT_IN
        .iter()
        .find(|(name, _)| *name == "guessing-burst.toml")
        .unwrap();
    (*text).to_owned()
}

fn parse(text: &str) -> Result<RuleSet, RuleError> {
    RuleSet::parse([("guessing-burst.toml", text)])
}

#[test]
fn a_case_that_comes_out_otherwise_is_told() {
    for (from, to) in [
        (
            "findings = [{ about = \"ada\", events = 10 }]\n\n[[case]]\nname = \"a burst",
            "findings = []\n\n[[case]]\nname = \"a burst",
        ),
        ("threshold = { default = 10,", "threshold = { default = 11,"),
        ("reasons = [\"wrong_password\",", "reasons = ["),
        ("key = \"subject\"", "key = \"network\""),
    ] {
        let changed = text().replacen(from, to, 1);
        assert_ne!(changed, text(), "{from}");
        let told = parse(&changed).unwrap().check().unwrap_err();
        assert!(matches!(told, RuleError::Case { .. }), "{told}");
    }
}

#[test]
fn what_is_no_rule_is_refused_with_its_field() {
    for (from, to, field) in [
        ("id = \"guessing-burst\"", "id = \"Guessing Burst\"", "`id`"),
        ("id = \"guessing-burst\"", "id = \"another\"", "`id`"),
        ("version = 2", "version = 0", "`version`"),
        ("title = \"Somebody", "title = \"Some\\nbody", "`title`"),
        ("severity = \"medium\"", "severity = \"bad\"", "severity"),
        ("uid = \"T1110.001\"", "uid = \"1110\"", "`techniques`"),
        ("kind = \"threshold\"", "kind = \"magic\"", "magic"),
        ("kind = \"threshold\"", "kind = \"distinct\"", "of"),
        (
            "actions = [\"session.login\", \"password.change\"]",
            "actions = []",
            "`detector`",
        ),
        ("outcomes = [\"refused\"]", "outcomes = [\"bad\"]", "`detector`"),
        (
            "threshold = { default = 10,",
            "threshold = { default = 2,",
            "`parameters.threshold`",
        ),
        ("minimum = 3,", "minimum = 0,", "`parameters.threshold`"),
        (
            "maximum = 86400, description = \"Within",
            "maximum = 99999999, description = \"Within",
            "`parameters.window_seconds`",
        ),
        (
            "window_seconds = {",
            "window_minutes = {",
            "`parameters.window_seconds`",
        ),
        (
            "[parameters]",
            "[parameters]\ncolour = { default = 1, minimum = 1, maximum = 1, description = \"x\" }",
            "`parameters.colour`",
        ),
        (
            "severity = \"medium\"",
            "severity = \"medium\"\ncolour = 1",
            "colour",
        ),
    ] {
        let changed = text().replacen(from, to, 1);
        assert_ne!(changed, text(), "{from}");
        let told = parse(&changed).unwrap_err().to_string();
        assert!(told.contains(field), "{field}: {told}");
    }
    let no_positive: String = text().replace("findings = [{", "findings = [] # [{");
    assert!(parse(&no_positive).unwrap_err().to_string().contains("`case`"));
}

#[test]
fn ids_are_told_apart_and_an_embedder_adds_to_what_is_there() {
    let twice = [("guessing-burst.toml", text()), ("guessing-burst.toml", text())];
    let twice = RuleSet::parse(twice.iter().map(|(name, text)| (*name, text.as_str())));
    assert!(matches!(twice, Err(RuleError::Twice { .. })));
    let own = text().replace("guessing-burst", "my-own");
    let own = RuleSet::parse([("my-own.toml", own.as_str())]).unwrap();
    own.check().unwrap();
    let all = RuleSet::built_in().unwrap().and(own).unwrap();
    assert_eq!(all.iter().count(), BUILT_IN.len() + 1);
    assert!(matches!(
        all.get("my-own").unwrap().detector,
        Detector::Threshold { .. }
    ));
}

/// The table in the guide says what the files say.
#[test]
fn the_guide_lists_the_rules_as_they_are() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/detect-and-respond.md");
    let guide = fs::read_to_string(guide).unwrap();
    let listed: Vec<&str> = guide
        .lines()
        .filter(|line| line.starts_with("| `") && line.matches('|').count() == 9)
        .collect();
    let expected: Vec<String> = RuleSet::built_in()
        .unwrap()
        .iter()
        .map(|rule| {
            let join = |items: Vec<String>| items.join(", ");
            let parameters = rule.parameters.iter();
            format!(
                "| `{}` | {} | {} | {} | {} | {} | {} | {} |",
                rule.id,
                rule.version,
                rule.severity,
                if rule.enabled { "on" } else { "off" },
                rule.detector.kind(),
                join(
                    rule.techniques
                        .iter()
                        .map(|technique| technique.uid.clone())
                        .collect()
                ),
                join(
                    parameters
                        .map(|(name, parameter)| format!("`{name}` {}", parameter.default))
                        .collect()
                ),
                rule.title
            )
        })
        .collect();
    assert_eq!(listed, expected);
}
