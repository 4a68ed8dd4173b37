//! `audit export`: the log as JSON lines, checked while it is written.

use vutf_audit::{LogEntry, access::action::EXPORT, chain_after, leaf_hash, parse_body};

use super::{Looker, tail::chain_before};
use crate::cli::{
    failure::{Failure, Outcome},
    output::Output,
    progress::Progress,
};

const BATCH: u32 = 500;

/// Writes what the log holds now: an export that follows a busy log would never end.
pub(super) async fn run(looker: &Looker<'_>, from: i64, out: &mut Output) -> Outcome {
    let last = looker.last().await?;
    let log = looker.open(EXPORT, from).await?;
    if from > last {
        return Ok(());
    }
    let total = u64::try_from(last - from).unwrap_or_default();
    let progress = Progress::new("exporting", total, !out.is_json());
    let mut chain = chain_before(log, from).await?;
    let mut next = from;
    while next <= last {
        let entries = log.entries(next, BATCH).await?;
        if entries.is_empty() {
            break;
        }
        for entry in entries.iter().take_while(|entry| entry.leaf.seq <= last) {
            check(entry, next, &chain)?;
            out.text(&super::record(entry, &chain))?;
            chain = entry.leaf.chain;
            next += 1;
        }
        progress.reached(u64::try_from(next - from).unwrap_or_default());
    }
    Ok(())
}

/// What is written must be provable by whoever reads it.
fn check(entry: &LogEntry, expected: i64, previous: &[u8; 32]) -> Outcome {
    let leaf = &entry.leaf;
    let problem = match &entry.intake {
        _ if leaf.seq != expected => Some("an entry is missing"),
        // Whether it was rightly pruned, verification tells.
        None if entry.pruned.is_some() && chain_after(previous, &leaf.leaf_hash) == leaf.chain => None,
        None => Some("the event is gone"),
        Some(intake) if leaf_hash(&intake.body) != leaf.leaf_hash => {
            Some("the body is not the one that was hashed")
        }
        Some(_) if chain_after(previous, &leaf.leaf_hash) != leaf.chain => Some("the chain is broken"),
        Some(intake) if parse_body(&intake.body).is_err() => Some("the body cannot be read"),
        Some(_) => None,
    };
    match problem {
        None => Ok(()),
        Some(problem) => Err(Failure::Failed(format!(
            "seq {expected}: {problem}; the export ends before it. Run `violentutf-api audit verify`"
        ))),
    }
}
