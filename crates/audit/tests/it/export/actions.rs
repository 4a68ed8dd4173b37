//! Every action that the program can record, read from its sources: a list by hand would go stale.

use std::{collections::BTreeSet, fs, path::Path};

use vutf_audit::export::{Class, is_listed, kind_of};

/// Names of actions in all crates: what `Action::new("…"` is given, and what the tables of actions hold (`= "…" on "…"`).
pub(crate) fn all() -> BTreeSet<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeSet::new();
    for folder in fs::read_dir(crates).unwrap() {
        let sources = folder.unwrap().path().join("src");
        if sources.is_dir() && !sources.parent().unwrap().ends_with("testkit") {
            collect(&sources, &mut found);
        }
    }
    found
}

fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let (source, _tests) = source.split_once("#[cfg(test)]").unwrap_or((&source, ""));
            let literal = |rest: &str| rest.split('"').nth(1).unwrap().to_owned();
            let made = source.split("Action::new(").skip(1);
            found.extend(
                made.filter(|rest| rest.trim_start().starts_with('"'))
                    .map(literal),
            );
            let tabled = source.lines().filter(|line| line.contains("\" on \""));
            found.extend(tabled.map(literal));
            let direct = source.split("Event::new(").skip(1);
            // Where no constant names the action it is the third argument.
            found.extend(direct.filter_map(|rest| {
                let argument = rest.split(',').nth(2)?.trim();
                argument.starts_with('"').then(|| literal(argument))
            }));
        }
    }
}

#[test]
fn the_sources_are_read_right() {
    let all = all();
    for known in [
        "session.login",
        "key.rotate",
        "audit.list",
        "audit.probe",
        "health.live",
    ] {
        assert!(all.contains(known), "{known} is not in {all:?}");
    }
    assert!(all.len() >= 80, "{}", all.len());
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b"_-".contains(&b));
    let is_name = |name: &str| (2..=3).contains(&name.split('.').count()) && name.split('.').all(word);
    assert_eq!(all.iter().find(|name| !is_name(name)), None);
}

/// What only falls to API Activity was not thought about: give it a line or a family in `export/kinds.rs`.
#[test]
fn every_action_of_the_program_has_a_line_or_a_family() {
    let unlisted: Vec<String> = all().into_iter().filter(|action| !is_listed(action)).collect();
    assert_eq!(unlisted, Vec::<String>::new());
}

/// A name with three parts is told by its own line or by a verb that the table knows; what it is about is never just "audit".
#[test]
fn every_action_with_three_parts_is_told_by_what_it_does() {
    let deep = all().into_iter().filter(|action| action.split('.').count() == 3);
    let deep: Vec<String> = deep.collect();
    assert!(deep.len() >= 10, "{deep:?}");
    for action in deep {
        assert!(kind_of(&action).activity.name.is_some(), "{action}");
    }
}

#[test]
fn whatever_the_program_finds_leaves_as_a_finding() {
    let looks = [".list", ".read"];
    let raised = |action: &String| {
        let about = ["audit.finding", "audit.witness", "audit.sink_gap"];
        about.iter().any(|start| action.starts_with(start))
            && !looks.iter().any(|verb| action.ends_with(verb))
    };
    let found: Vec<String> = all().into_iter().filter(raised).collect();
    assert!(found.len() >= 5, "{found:?}");
    for action in found {
        assert_eq!(kind_of(&action).class, Class::DetectionFinding, "{action}");
    }
}
