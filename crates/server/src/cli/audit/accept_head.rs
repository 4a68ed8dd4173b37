//! `audit accept-head`: after a restore on purpose, the head that the database has counts.

use serde_json::json;
use vutf_audit::{Anchor, LogReader as _, access::action::ACCEPT_HEAD};

use super::Looker;
use crate::{
    cli::{
        failure::{Failure, Outcome},
        output::Output,
    },
    service::HeadFile,
};

pub(super) async fn run(looker: &Looker<'_>, file: &HeadFile, out: &mut Output) -> Outcome {
    // A file that says nothing is replaced like any other.
    let before = file.read().ok().flatten();
    let head = looker.store.head().await?.map(|leaf| Anchor::of(&leaf));
    looker.open(ACCEPT_HEAD, head.map_or(0, |head| head.seq)).await?;
    let written = head.map_or_else(|| file.remove(), |head| file.write(head));
    written
        .map_err(|error| Failure::Failed(format!("{} cannot be written: {error}", file.path().display())))?;
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
