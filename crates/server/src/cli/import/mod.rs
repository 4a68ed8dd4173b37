//! `user import`: every line of a file is checked before the first one is taken in.

mod check;
mod file;

use std::{fmt::Write as _, path::Path};

use serde_json::{Value, json};
use vutf_identity::user::import::{ImportUsers, Imported, Newcomer, import};

use self::{
    check::{Checked, Problem},
    file::Rows,
};
use super::{
    failure::{FAILED, Failure, Outcome},
    output::Output,
    progress::Progress,
    start,
};
use crate::{config::Sources, service::Service};

/// So many accounts in a transaction: a few kilobytes of rows, and an import that breaks off loses little.
const BATCH: usize = 100;
/// So many line numbers are listed for a person.
const LISTED: usize = 20;

/// How accounts are taken in.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// Look, and change nothing.
    pub(super) dry_run: bool,
    /// Have everybody choose another password at the first sign-in.
    pub(super) must_change: bool,
}

pub(super) async fn run(file: &Path, how: How, sources: &Sources, out: &mut Output) -> Outcome {
    let dry_run = how.dry_run;
    let checked = check::check(Rows::open(file)?)?;
    if !checked.problems.is_empty() {
        out.answer(
            &complaint(&checked),
            &described(&checked, &Done::default(), dry_run),
        )?;
        return Err(Failure::Told(FAILED));
    }
    let service = start::service(sources).await?;
    let done = take_in(&service, file, &checked, how, !out.is_json()).await;
    service.close().await;
    let done = done?;
    Ok(out.answer(&told(&done, dry_run), &described(&checked, &done, dry_run))?)
}

/// What came of it.
#[derive(Default)]
struct Done {
    made: u64,
    existing: Vec<u64>,
}

async fn take_in(
    service: &Service,
    file: &Path,
    checked: &Checked,
    how: How,
    visible: bool,
) -> Result<Done, Failure> {
    let progress = Progress::new("accounts", checked.rows, visible);
    let mut done = Done::default();
    let mut batch: Vec<(u64, Newcomer)> = Vec::with_capacity(BATCH);
    for row in Rows::open(file)? {
        let parsed = row.map_err(Problem::from).and_then(check::parse);
        batch.push(parsed.map_err(|_| changed(&done))?);
        if batch.len() == BATCH {
            apply(service, &mut batch, how, &mut done).await?;
            progress.reached(done.seen());
        }
    }
    apply(service, &mut batch, how, &mut done).await?;
    Ok(done)
}

impl Done {
    fn seen(&self) -> u64 {
        self.made + u64::try_from(self.existing.len()).unwrap_or(u64::MAX)
    }
}

/// It was checked a moment ago.
fn changed(done: &Done) -> Failure {
    Failure::Failed(format!(
        "the file was changed while it was read; {} accounts are in, and running it again goes on",
        done.made
    ))
}

async fn apply(service: &Service, batch: &mut Vec<(u64, Newcomer)>, how: How, done: &mut Done) -> Outcome {
    if batch.is_empty() {
        return Ok(());
    }
    let (lines, newcomers): (Vec<u64>, Vec<Newcomer>) = batch.drain(..).unzip();
    let newcomers = newcomers.into_iter().map(|newcomer| Newcomer {
        must_change_password: how.must_change,
        ..newcomer
    });
    let command = ImportUsers {
        batch: newcomers.collect(),
        dry_run: how.dry_run,
    };
    let ctx = start::operator(service);
    let outcomes = import(&ctx, &service.identity, command).await.map_err(|error| {
        let _logged = Failure::of(&error);
        let first = lines.first().copied().unwrap_or_default();
        Failure::Failed(format!(
            "{error}; {} accounts are in, none from line {first} on, and running it again goes on there",
            done.made
        ))
    })?;
    for (line, outcome) in lines.iter().zip(outcomes) {
        match outcome {
            Imported::Made(_) => done.made += 1,
            Imported::Exists => done.existing.push(*line),
        }
    }
    Ok(())
}

fn told(done: &Done, dry_run: bool) -> String {
    let verb = if dry_run { "Would take in" } else { "Took in" };
    let mut text = format!("{verb} {} accounts.", done.made);
    if !done.existing.is_empty() {
        let lines: Vec<String> = done
            .existing
            .iter()
            .take(LISTED)
            .map(ToString::to_string)
            .collect();
        let more = if done.existing.len() > LISTED { ", …" } else { "" };
        let _infallible = write!(
            text,
            "\n{} are there already, by name or address, and stay as they are: lines {}{more}.",
            done.existing.len(),
            lines.join(", ")
        );
    }
    text
}

fn complaint(checked: &Checked) -> String {
    let mut lines: Vec<String> = checked.problems.iter().map(ToString::to_string).collect();
    if checked.more > 0 {
        lines.push(format!("and {} more", checked.more));
    }
    lines.push("Nobody was taken in.".to_owned());
    lines.join("\n")
}

fn described(checked: &Checked, done: &Done, dry_run: bool) -> Value {
    json!({
        "rows": checked.rows,
        "made": done.made,
        "existing": done.existing.len(),
        "existing_lines": done.existing,
        "dry_run": dry_run,
        "problems": checked.problems,
        "problems_not_listed": checked.more,
    })
}
