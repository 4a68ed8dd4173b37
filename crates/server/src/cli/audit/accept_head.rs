//! `audit accept-head`: after a restore on purpose, the head that the database has counts.

use serde_json::json;
use vutf_audit::{Anchor, LogReader as _, NotedHead, TreeReader as _, access::action::ACCEPT_HEAD};

use super::Looker;
use crate::{
    cli::{
        failure::{Failure, Outcome},
        output::Output,
    },
    service::{Service, open_heads},
};

pub(super) async fn run(looker: &Looker<'_>, service: &Service, out: &mut Output) -> Outcome {
    let heads = open_heads(&service.config, &service.cache);
    // One that says nothing is replaced like any other.
    let before = heads.read().await.ok().flatten().map(|noted| noted.anchor);
    let leaf = looker.store.head().await?;
    let head = leaf.as_ref().map(Anchor::of);
    looker.open(ACCEPT_HEAD, head.map_or(0, |head| head.seq)).await?;
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
    let shown = |anchor: Option<Anchor>| anchor.map(|anchor| anchor.to_string());
    let or_none = |anchor: Option<Anchor>| shown(anchor).unwrap_or_else(|| "none".to_owned());
    let text = format!(
        "The head of the audit log is noted anew. A running service goes on within seconds.\n  before    {}\n  now       {}\n",
        or_none(before),
        or_none(head)
    );
    out.answer(&text, &json!({"before": shown(before), "now": shown(head)}))?;
    Ok(())
}
