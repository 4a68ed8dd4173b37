//! `config`: what the settings are, and what is wrong with them.

use serde_json::{Value, json};

use super::{
    args::Config,
    failure::{Failure, Outcome, USAGE},
    output::Output,
};
use crate::config::{Entry, Loaded, Sources, load, schema};

pub(super) fn run(action: &Config, sources: &Sources, out: &mut Output) -> Outcome {
    match action {
        Config::Check => check(sources, out),
        Config::Show => {
            let loaded = load(sources)?;
            Ok(out.answer(&loaded.show(), &loaded.show_json())?)
        }
        Config::Schema { markdown: true } => Ok(out.text(&schema())?),
        Config::Schema { markdown: false } => settings(out),
    }
}

/// The mistakes are this command's answer, so that a program finds them where it reads.
fn check(sources: &Sources, out: &mut Output) -> Outcome {
    match load(sources) {
        Ok(loaded) => {
            let Loaded { config, warnings, .. } = &loaded;
            let value = json!({"valid": true, "profile": config.profile.as_str(), "warnings": warnings});
            Ok(out.answer(&loaded.check_report(), &value)?)
        }
        Err(errors) if out.is_json() => {
            out.answer("", &json!({"valid": false, "mistakes": errors}))?;
            out.flush()?;
            Err(Failure::Told(USAGE))
        }
        Err(errors) => Err(errors.into()),
    }
}

/// Every setting, from a configuration in which nobody sets anything.
fn settings(out: &mut Output) -> Outcome {
    let entries = load(&Sources::default())?.entries;
    let text: String = entries.iter().map(block).collect();
    let value: Vec<Value> = entries.iter().map(described).collect();
    Ok(out.answer(&text, &Value::Array(value))?)
}

fn block(entry: &Entry) -> String {
    let limits = match (&entry.floor, &entry.ceiling) {
        (None, None) => String::new(),
        (Some(floor), None) => format!(", at least {floor}"),
        (None, Some(ceiling)) => format!(", at most {ceiling}"),
        (Some(floor), Some(ceiling)) => format!(", {floor} to {ceiling}"),
    };
    let source = entry
        .source
        .map_or_else(String::new, |source| format!(" ({source})"));
    format!(
        "{} = {}\n  {}{limits}; {}\n  {}{source}\n\n",
        entry.path, entry.default, entry.kind, entry.env, entry.doc
    )
}

fn described(entry: &Entry) -> Value {
    json!({
        "path": entry.path,
        "env": entry.env,
        "kind": entry.kind,
        "default": entry.default,
        "floor": entry.floor,
        "ceiling": entry.ceiling,
        "source": entry.source,
        "secret": entry.secret,
        "doc": entry.doc,
    })
}
