//! `audit tail`: the last events, and those that come.

use std::time::Duration;

use vutf_audit::{GENESIS, LogEntry, LogReader, access::action::TAIL, parse_body};
use vutf_kernel::Actor;

use super::Looker;
use crate::cli::{
    failure::{Failure, Outcome},
    output::Output,
};

const SHOWN: i64 = 20;
const BATCH: u32 = 200;
/// How often the log is looked at while following.
const EVERY: Duration = Duration::from_millis(500);

pub(super) async fn run(looker: &Looker<'_>, follow: bool, out: &mut Output) -> Outcome {
    let mut next = looker.last().await?.saturating_sub(SHOWN - 1).max(0);
    let log = looker.open(TAIL, next).await?;
    let mut chain = chain_before(log, next).await?;
    loop {
        loop {
            let entries = log.entries(next, BATCH).await?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                if out.is_json() {
                    out.text(&super::record(&entry, &chain))?;
                } else {
                    out.text(&line(&entry))?;
                }
                next = entry.leaf.seq.saturating_add(1);
                chain = entry.leaf.chain;
            }
            out.flush()?;
        }
        if !follow {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            interrupted = tokio::signal::ctrl_c() => return interrupted.map_err(|error| Failure::of(&error)),
        }
    }
}

/// The chain hash of the entry before `seq`.
pub(super) async fn chain_before(log: &dyn LogReader, seq: i64) -> Result<[u8; 32], Failure> {
    if seq == 0 {
        return Ok(GENESIS);
    }
    let before = log.entries(seq - 1, 1).await?;
    let leaf = before
        .first()
        .map(|entry| &entry.leaf)
        .filter(|leaf| leaf.seq == seq - 1);
    let leaf = leaf
        .ok_or_else(|| Failure::Failed(format!("there is no entry with the sequence number {}", seq - 1)))?;
    Ok(leaf.chain)
}

fn line(entry: &LogEntry) -> String {
    let seq = entry.leaf.seq;
    if let (None, Some(event)) = (&entry.intake, entry.pruned) {
        return format!("{seq:>8}  pruned by {event}");
    }
    let Some(intake) = &entry.intake else {
        return format!("{seq:>8}  the event is gone: run `violentutf-api audit verify`");
    };
    let Ok(body) = parse_body(&intake.body) else {
        return format!("{seq:>8}  the body cannot be read: run `violentutf-api audit verify`");
    };
    let actor = match &body.actor {
        Actor::User { user_id, .. } => format!("user {user_id}"),
        Actor::ApiKey { user_id, key_id } => format!("API key {key_id} of user {user_id}"),
        Actor::System { job } => format!("system {job}"),
        other => other.kind().to_owned(),
    };
    let id = body.resource.id.map_or_else(String::new, |id| format!(" {id}"));
    format!(
        "{seq:>8}  {}  {:<7}  {:<24}  {actor}  {}{id}  request {}",
        body.occurred_at, intake.outcome, body.action, body.resource.kind, body.request_id
    )
}
