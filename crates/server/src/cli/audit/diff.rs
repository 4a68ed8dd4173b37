//! `audit diff`: what was added between two heads.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::json;
use vutf_audit::{access::action::DIFF, growth::Growth};
use vutf_kernel::{Detail, Timestamp};

use super::{Looker, tail::chain_before};
use crate::cli::{
    answer::count,
    failure::{Failure, Outcome},
    output::Output,
    progress::Progress,
};

const BATCH: u32 = 500;

pub(super) async fn run(looker: &Looker<'_>, from: i64, to: i64, sizes: bool, out: &mut Output) -> Outcome {
    // The first entry that is counted, and the first that is not.
    let beyond = i64::from(!sizes);
    let (first, end) = (from.saturating_add(beyond), to.saturating_add(beyond));
    if first > end {
        return Err(Failure::Usage("the older head comes first".to_owned()));
    }
    let facts = [
        ("from_seq", Detail::Number(first)),
        ("until_seq", Detail::Number(end)),
    ];
    let log = looker.open_part(DIFF, facts).await?;
    let total = u64::try_from(end - first).unwrap_or_default();
    let progress = Progress::new("counting", total, !out.is_json());
    let mut chain = chain_before(log, first).await?;
    let (mut growth, mut next) = (Growth::default(), first);
    while next < end {
        let most = u32::try_from(end - next).map_or(BATCH, |left| left.min(BATCH));
        let entries = log.entries(next, most).await?;
        let there = entries.first().is_some_and(|entry| entry.leaf.seq == next);
        if !there {
            let text = format!("there is no entry with the sequence number {next}");
            return Err(Failure::Failed(text));
        }
        for entry in entries.iter().take_while(|entry| entry.leaf.seq < end) {
            growth
                .push(entry, next, &chain)
                .map_err(|error| Failure::of(&error))?;
            chain = entry.leaf.chain;
            next += 1;
        }
        progress.reached(growth.entries);
    }
    drop(progress);
    let value = json!({
        "first_seq": first,
        "end_seq": end,
        "entries": growth.entries,
        "pruned": growth.pruned,
        "actions": growth.actions,
        "outcomes": growth.outcomes,
        "actors": growth.actors,
        "first": growth.first,
        "last": growth.last,
        "chain": hex::encode(chain),
    });
    Ok(out.answer(&told(&growth), &value)?)
}

fn told(growth: &Growth) -> String {
    let instant = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), Timestamp::rfc3339);
    let mut text = format!(
        "{} added, each of which follows from the one before\n  first     {}\n  last      {}\n",
        count(growth.entries, "event"),
        instant(growth.first),
        instant(growth.last)
    );
    if growth.pruned > 0 {
        let _infallible = writeln!(
            text,
            "  pruned    {} of them, of which only hashes are left",
            growth.pruned
        );
    }
    for (title, counts) in [
        ("outcomes", &growth.outcomes),
        ("actors", &growth.actors),
        ("actions", &growth.actions),
    ] {
        let _infallible = writeln!(text, "  {title:<9} {}", line(counts));
    }
    text
}

fn line(counts: &BTreeMap<String, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let each = counts.iter().map(|(name, count)| format!("{name} {count}"));
    each.collect::<Vec<_>>().join(", ")
}
