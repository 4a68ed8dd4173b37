//! `audit export`: the log as lines of a format, checked while it is written.

use serde_json::json;
use vutf_audit::{
    Anchor,
    access::action::EXPORT,
    export::{Format, batch},
};

use super::{Looker, tail::chain_before};
use crate::{
    cli::{
        failure::{Failure, Outcome},
        output::{self, Output},
        progress::Progress,
    },
    config::Config,
};

const BATCH: u32 = 500;

/// What is written out.
pub(super) struct Export {
    pub(super) format: Format,
    pub(super) from: i64,
    pub(super) until: Option<i64>,
    pub(super) resume: Option<Anchor>,
}

/// Writes what the log holds now: an export that follows a busy log would never end. On standard error, last, the token by
/// which the next one goes on.
pub(super) async fn run(looker: &Looker<'_>, asked: Export, config: &Config, out: &mut Output) -> Outcome {
    let last = looker.last().await?;
    let end = asked
        .until
        .map_or(last, |until| last.min(until.saturating_sub(1)));
    let from = asked
        .resume
        .map_or(asked.from, |anchor| anchor.seq.saturating_add(1));
    let log = looker.open(EXPORT, from).await?;
    let mut reached = asked.resume;
    if reached.is_none() && from > 0 && from <= end {
        reached = Some(Anchor {
            seq: from - 1,
            chain: chain_before(log, from).await?,
        });
    }
    let (source, total) = (
        config.audit_source(),
        u64::try_from(end - from).unwrap_or_default(),
    );
    let progress = Progress::new("exporting", total, !out.is_json());
    let mut next = from;
    // A token is held against the log even when there is nothing behind it.
    while next <= end || (next == from && asked.resume.is_some()) {
        let (records, found) = batch(log, reached, BATCH).await?;
        for record in records.iter().take_while(|record| record.seq <= end) {
            out.text(&asked.format.line(record, &source))?;
            reached = Some(record.anchor());
            next = record.seq.saturating_add(1);
        }
        if let Some(found) = found.filter(|found| found.seq <= end || next == from) {
            out.flush()?;
            let problem = format!("{found}; the export ends before it. Run `violentutf-api audit verify`");
            return Err(Failure::Failed(problem));
        }
        if records.is_empty() || next > end {
            break;
        }
        progress.reached(u64::try_from(next - from).unwrap_or_default());
    }
    drop(progress);
    out.flush()?;
    if let Some(reached) = reached {
        let plain = format!("resume: {reached}");
        let value = json!({"resume": reached.to_string()}).to_string();
        output::complain(if out.is_json() { &value } else { &plain });
    }
    Ok(())
}
