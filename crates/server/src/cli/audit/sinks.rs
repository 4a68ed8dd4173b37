//! `audit sinks`: how far the receivers of the log have come, and where one goes on.

use serde_json::{Value, json};
use vutf_audit::{
    Anchor, LogReader as _,
    access::action::SINK_LIST,
    export::{ExportStore as _, Position, reset},
};

use super::{Looker, tail::chain_before};
use crate::cli::{
    failure::{Failure, Outcome},
    output::Output,
};

pub(super) async fn list(looker: &Looker<'_>, out: &mut Output) -> Outcome {
    let log = looker.open(SINK_LIST, 0).await?;
    let head = log.head().await?.map_or(-1, |leaf| leaf.seq);
    let positions = looker.store.positions().await?;
    let described: Vec<Value> = positions
        .iter()
        .map(|position| described(position, head))
        .collect();
    let told: Vec<String> = positions.iter().map(|position| told(position, head)).collect();
    let text = match &told[..] {
        [] => "Nothing was exported by a service yet.\n".to_owned(),
        lines => lines.concat(),
    };
    out.answer(&text, &json!({"head": head, "sinks": described}))?;
    Ok(())
}

/// Goes on behind the present entry `after`, or from the beginning.
pub(super) async fn restart(
    looker: &Looker<'_>,
    sink: &str,
    after: Option<i64>,
    out: &mut Output,
) -> Outcome {
    let reached = match after {
        None => None,
        Some(seq) => Some(Anchor {
            seq,
            chain: chain_before(looker.store, seq.saturating_add(1)).await?,
        }),
    };
    let (store, ambient) = (looker.store, &looker.ambient);
    let position = reset(&looker.ctx(), store, ambient, sink, reached).await;
    let position = position.map_err(|error| Failure::of(&error))?;
    let head = looker.store.head().await?.map_or(-1, |leaf| leaf.seq);
    let text = format!(
        "The sink goes on from there. A running service sees it within seconds.\n{}",
        told(&position, head)
    );
    out.answer(&text, &described(&position, head))?;
    Ok(())
}

fn lag(position: &Position, head: i64) -> i64 {
    let seq = position.reached.map_or(-1, |anchor| anchor.seq);
    head.saturating_sub(seq).max(0)
}

fn told(position: &Position, head: i64) -> String {
    let reached = position
        .reached
        .map_or_else(|| "nothing yet".to_owned(), |anchor| anchor.to_string());
    let problem = position.problem.as_deref().unwrap_or("none");
    format!(
        "{}\n  format    {}\n  reached   {reached}\n  behind    {}\n  updated   {}\n  problem   {problem}\n",
        position.sink,
        position.format,
        lag(position, head),
        position.updated_at
    )
}

fn described(position: &Position, head: i64) -> Value {
    json!({
        "sink": position.sink,
        "format": position.format,
        "reached": position.reached.map(|anchor| anchor.to_string()),
        "behind": lag(position, head),
        "updated_at": position.updated_at.rfc3339(),
        "problem": position.problem,
    })
}
