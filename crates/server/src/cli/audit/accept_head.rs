//! `audit accept-head`: after a restore on purpose, the head that the database has counts.

use serde_json::json;
use vutf_audit::{Anchor, LogReader as _, NotedHead, TreeReader as _, access::action::ACCEPT_HEAD};
use vutf_kernel::Detail;

use super::Looker;
use crate::{
    cli::{
        failure::{Failure, Outcome},
        output::Output,
    },
    service::{Service, open_heads},
};

/// What stands for a noted head that says nothing.
const UNREADABLE: &str = "unreadable";

pub(super) async fn run(looker: &Looker<'_>, service: &Service, out: &mut Output) -> Outcome {
    let heads = open_heads(&service.config, &service.cache);
    // One that cannot be read is replaced like any other, and the log tells that it was one.
    let (before, problem) = match heads.read().await {
        Ok(noted) => (noted.map(|noted| noted.anchor.to_string()), None),
        Err(error) => (Some(UNREADABLE.to_owned()), Some(error.to_string())),
    };
    let leaf = looker.store.head().await?;
    let head = leaf.as_ref().map(Anchor::of);
    let now = head.map(|head| head.to_string());
    let or_none = |anchor: &Option<String>| anchor.clone().unwrap_or_else(|| "none".to_owned());
    let facts = [
        ("from_seq", Detail::Number(head.map_or(0, |head| head.seq))),
        ("before", Detail::Text(or_none(&before))),
        ("now", Detail::Text(or_none(&now))),
    ];
    looker.open_part(ACCEPT_HEAD, facts).await?;
    let size = leaf
        .as_ref()
        .and_then(|leaf| u64::try_from(leaf.seq).ok())
        .map_or(0, |seq| seq + 1);
    looker.store.forget_checkpoint_beyond(size).await?;
    let written = match &leaf {
        None => heads.remove().await,
        Some(leaf) => {
            let latest = looker.store.latest().await?;
            let note = latest
                .filter(|latest| latest.size == size)
                .map(|latest| latest.note);
            heads.write(&NotedHead::of(leaf, note)).await
        }
    };
    written.map_err(|error| Failure::Failed(format!("{} cannot be written: {error}", heads.place())))?;
    let why = problem
        .as_ref()
        .map_or_else(String::new, |problem| format!(": {problem}"));
    let text = format!(
        "The head of the audit log is noted anew. A running service goes on within seconds.\n  before    {}{why}\n  now       {}\n",
        or_none(&before),
        or_none(&now)
    );
    out.answer(&text, &json!({"before": before, "problem": problem, "now": now}))?;
    Ok(())
}
