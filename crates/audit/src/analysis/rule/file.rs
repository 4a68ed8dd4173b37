//! A rule's file: its shape, and what must hold of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Detector, Matcher, Parameter, Rule, RuleError, Severity, Technique};

pub use crate::analysis::case::Case;

/// Letters of an id, at most.
const MOST_LETTERS: usize = 48;
/// The longest title.
const LONGEST_TITLE: usize = 120;
/// The longest description.
const LONGEST_TEXT: usize = 2_000;
/// The longest span that a rule may keep state for: a year.
const LONGEST_SPAN: i64 = 366 * 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: String,
    version: u32,
    title: String,
    description: String,
    severity: Severity,
    #[serde(default)]
    techniques: Vec<Technique>,
    #[serde(default = "yes")]
    enabled: bool,
    detector: Detector,
    parameters: BTreeMap<String, Parameter>,
    #[serde(rename = "case")]
    cases: Vec<Case>,
}

const fn yes() -> bool {
    true
}

/// Reads a rule; `file` is for the errors. `most` is how many different values of a key can be told apart.
pub(super) fn parse(file: &str, text: &str, most: usize) -> Result<Rule, RuleError> {
    let read: File = toml::from_str(text).map_err(|error| RuleError::Shape {
        file: file.to_owned(),
        problem: error.to_string().trim_end().replace('\n', " "),
    })?;
    let wrong = |field: &str, problem: &str| RuleError::Value {
        file: file.to_owned(),
        field: field.to_owned(),
        problem: problem.to_owned(),
    };
    head(&read, file).map_err(|(field, problem)| wrong(field, problem))?;
    for matcher in matchers(&read.detector) {
        matching(matcher).map_err(|problem| wrong("detector", problem))?;
    }
    let known = read.detector.parameters();
    if let Some(missing) = known.iter().find(|name| !read.parameters.contains_key(**name)) {
        return Err(wrong(
            &format!("parameters.{missing}"),
            "is missing for this kind of detector",
        ));
    }
    for (name, parameter) in &read.parameters {
        let field = format!("parameters.{name}");
        if !known.contains(&name.as_str()) {
            return Err(wrong(&field, "is not known to this kind of detector"));
        }
        bounds(name, parameter, &read.detector, most).map_err(|problem| wrong(&field, problem))?;
    }
    if !read.cases.iter().any(Case::finds) || read.cases.iter().all(Case::finds) {
        return Err(wrong(
            "case",
            "needs one that finds something and one that does not",
        ));
    }
    Ok(Rule {
        id: read.id,
        version: read.version,
        title: read.title,
        description: read.description.trim().to_owned(),
        severity: read.severity,
        techniques: read.techniques,
        enabled: read.enabled,
        detector: read.detector,
        parameters: read.parameters,
        cases: read.cases,
    })
}

fn head(read: &File, file: &str) -> Result<(), (&'static str, &'static str)> {
    let kebab = |text: &str| {
        text.len() <= MOST_LETTERS
            && text.split('-').all(|word| {
                !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            })
    };
    let technique = |technique: &Technique| {
        let digits = technique.uid.strip_prefix('T').unwrap_or_default();
        !technique.name.is_empty()
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    };
    if !kebab(&read.id) {
        return Err(("id", "is not 1 to 48 letters in kebab-case"));
    }
    if file.strip_suffix(".toml") != Some(&read.id) {
        return Err(("id", "is not the name of its file"));
    }
    if read.version == 0 {
        return Err(("version", "begins with 1"));
    }
    let fits = |text: &str, most| !text.trim().is_empty() && text.len() <= most;
    if !fits(&read.title, LONGEST_TITLE) || read.title.chars().any(char::is_control) {
        return Err(("title", "is not one line of 1 to 120 bytes"));
    }
    if !fits(&read.description, LONGEST_TEXT) {
        return Err(("description", "is not 1 to 2,000 bytes"));
    }
    if read.techniques.len() > 8 || !read.techniques.iter().all(technique) {
        return Err((
            "techniques",
            "are at most 8, each with an id such as T1110.003 and its name",
        ));
    }
    Ok(())
}

fn matchers(detector: &Detector) -> Vec<&Matcher> {
    match detector {
        Detector::Threshold { r#match, .. }
        | Detector::Distinct { r#match, .. }
        | Detector::FirstSeen { r#match, .. }
        | Detector::Rate { r#match, .. }
        | Detector::Hours { r#match, .. } => vec![r#match],
        Detector::Sequence { first, then } => vec![&first.r#match, &then.r#match],
        Detector::Silence {} | Detector::Lag {} => Vec::new(),
    }
}

fn matching(matcher: &Matcher) -> Result<(), &'static str> {
    let known = |words: &[String], all: &[&str]| words.iter().all(|word| all.contains(&word.as_str()));
    if matcher.actions.is_empty() || matcher.actions.iter().any(String::is_empty) {
        return Err("matches no action: name at least one");
    }
    if !known(&matcher.outcomes, &["success", "refused", "failed"]) {
        return Err("matches outcomes other than success, refused and failed");
    }
    if !known(
        &matcher.actors,
        &["anonymous", "user", "api_key", "operator", "system"],
    ) {
        return Err("matches actors other than anonymous, user, api_key, operator and system");
    }
    Ok(())
}

fn bounds(name: &str, parameter: &Parameter, detector: &Detector, most: usize) -> Result<(), &'static str> {
    let Parameter { minimum, maximum, .. } = *parameter;
    if minimum > maximum || !parameter.admits(parameter.default) {
        return Err("has a default outside of its bounds");
    }
    if parameter.description.is_empty() {
        return Err("needs a description");
    }
    let lowest = match name {
        "utc_offset_minutes" => -14 * 60,
        "threshold" | "amount" | "bucket_seconds" | "factor_percent" | "requests" | "seconds" => 1,
        name if name.ends_with("_seconds") && name != "quiet_seconds" => 1,
        _ => 0,
    };
    let highest = match name {
        "utc_offset_minutes" => 14 * 60,
        "start_minute" | "end_minute" => 24 * 60,
        "weekend_is_off" => 1,
        "warm_up_buckets" => 1_000,
        "factor_percent" => 1_000_000,
        "threshold" if matches!(detector, Detector::Distinct { .. }) => {
            i64::try_from(most).unwrap_or(i64::MAX)
        }
        name if name.ends_with("seconds") => LONGEST_SPAN,
        _ => 1_000_000_000,
    };
    if minimum < lowest || maximum > highest {
        return Err("has bounds that the detector cannot keep");
    }
    Ok(())
}
