//! The tamper drill of the store, in release, on both databases.

use std::{
    fmt,
    process::{ExitCode, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    output::{complain, say},
    workspace::cargo,
};

/// A database that the drill knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        })
    }
}

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many changes are made on each database.
    #[arg(long, default_value_t = 10_000)]
    mutations: usize,
    /// How often the untouched log is verified on each database.
    #[arg(long, default_value_t = 1_000)]
    clean: usize,
    /// How often the log is verified while others write and the sequencer places.
    #[arg(long, default_value_t = 20)]
    busy: usize,
    /// The same changes for the same number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// On one database alone; otherwise both must be there.
    #[arg(long)]
    only: Option<Database>,
}

impl Options {
    fn databases(&self) -> Vec<Database> {
        match self.only {
            Some(database) => vec![database],
            None => vec![Database::Sqlite, Database::Postgres],
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut command = cargo();
    command.args(["bench", "--quiet", "--package", "vutf-store-seaorm"]);
    command.args(["--bench", "tamper_drill", "--"]);
    command.args(["--mutations", &options.mutations.to_string()]);
    command.args(["--clean", &options.clean.to_string()]);
    command.args(["--busy", &options.busy.to_string()]);
    command.args(["--seed", &options.seed.to_string()]);
    if let Some(database) = options.only {
        command.args(["--only", &database.to_string()]);
    }
    // How far it is goes to standard error as it happens.
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.context("cannot start cargo")?;
    ensure!(output.status.success(), "the drill ended before its end");
    let text = String::from_utf8(output.stdout).context("the output is not UTF-8")?;
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let lines = lines
        .map(serde_json::from_str)
        .collect::<Result<Vec<Value>, _>>()?;
    for line in &lines {
        told(line);
    }
    let wrong = wrong(&lines, options);
    for fault in &wrong {
        complain(fault);
    }
    Ok(if wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What speaks against a promise: of each database that was to be tried there is one line, every change was made and reported
/// with its place, and nothing was reported of what was untouched.
fn wrong(lines: &[Value], options: &Options) -> Vec<String> {
    let mut wrong = Vec::new();
    for database in options.databases() {
        let name = database.to_string();
        let of_it: Vec<&Value> = lines.iter().filter(|line| line["database"] == *name).collect();
        let [line] = of_it[..] else {
            wrong.push(format!("{name}: {} results, expected one", of_it.len()));
            continue;
        };
        for count in ["applied", "reported", "right_place"] {
            if line[count].as_u64() != u64::try_from(options.mutations).ok() {
                let (found, wanted) = (&line[count], options.mutations);
                wrong.push(format!("{name}: {count} is {found}, expected {wanted}"));
            }
        }
        match line["faults"].as_array() {
            None => wrong.push(format!("{name}: nothing is said about faults")),
            Some(faults) => wrong.extend(faults.iter().map(|fault| match fault.as_str() {
                Some(text) => format!("{name}: {text}"),
                None => format!("{name}: {fault}"),
            })),
        }
    }
    wrong
}

/// Prints what the drill says of one database.
fn told(line: &Value) {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    say(&format!(
        "{}: {} entries, {} checkpoints, seed {}, {} s",
        text("database"),
        line["entries"],
        line["checkpoints"],
        line["seed"],
        line["seconds"]
    ));
    say(text("table"));
    let texts = |name: &str| {
        let list = line[name].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let faults = texts("faults");
    let alarms = faults.iter().filter(|fault| !fault.starts_with("mutation"));
    say(&format!(
        "verified untouched {} times and {} times while {} entries were placed: {} false alarms",
        line["untouched_runs"],
        line["runs_while_it_grew"],
        line["placed_meanwhile"],
        alarms.count()
    ));
    for column in texts("no_evidence") {
        say(&format!("no evidence: {column}"));
    }
    for column in texts("untried_columns") {
        say(&format!("not tried: a bit of {column}"));
    }
    say("");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options(only: Option<Database>) -> Options {
        Options {
            mutations: 7,
            clean: 1,
            busy: 1,
            seed: 1,
            only,
        }
    }

    fn line(database: &str) -> Value {
        json!({"database": database, "applied": 7, "reported": 7, "right_place": 7, "faults": []})
    }

    fn with(mut line: Value, name: &str, value: Value) -> Value {
        line[name] = value;
        line
    }

    #[test]
    fn both_databases_and_every_change_must_be_told() {
        let both = [line("sqlite"), line("postgres")];
        assert_eq!(wrong(&both, &options(None)), Vec::<String>::new());
        assert_eq!(wrong(&[], &options(None)).len(), 2);
        let missing = wrong(&both[..1], &options(None));
        assert_eq!(missing, ["postgres: 0 results, expected one"]);
        assert_eq!(
            wrong(&both[..1], &options(Some(Database::Sqlite))),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_result_that_says_less_or_nothing_does_not_pass() {
        let only = options(Some(Database::Sqlite));
        for (name, value) in [
            ("applied", json!(0)),
            ("reported", json!(6)),
            ("right_place", Value::Null),
            ("faults", Value::Null),
            ("faults", json!(["mutation 3, delete: nothing"])),
            ("faults", json!([{}])),
        ] {
            let told = with(line("sqlite"), name, value.clone());
            assert_eq!(wrong(&[told], &only).len(), 1, "{name}: {value}");
        }
    }
}
