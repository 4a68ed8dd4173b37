//! `audit timeline`: what is known about one person.

use serde_json::{Value, json};
use vutf_audit::timeline::{Line, Span, Whose, timeline};
use vutf_kernel::{PageRequest, UserId};

use super::Looker;
use crate::cli::{
    args,
    failure::{Failure, Outcome},
    output::Output,
};

pub(super) async fn run(
    looker: &Looker<'_>,
    role: args::Role,
    user: UserId,
    span: &args::Span,
    limit: u32,
    out: &mut Output,
) -> Outcome {
    let whose = match role {
        args::Role::Subject => Whose::Subject(user),
        args::Role::Actor => Whose::Actor(user),
    };
    let span = period(looker, span)?;
    let ctx = looker.ctx();
    let (mut after, mut left) = (None, limit);
    while left > 0 {
        let most = u32::from(PageRequest::MAX_LIMIT).min(left);
        let page = PageRequest {
            after,
            limit: u16::try_from(most).unwrap_or(PageRequest::MAX_LIMIT),
        };
        let found = timeline(&ctx, looker.access(), whose, &span, &page).await;
        let found = found.map_err(|error| Failure::of(&error))?;
        for line in &found.items {
            out.answer(&text(line), &described(line))?;
        }
        left -= most;
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

/// The period that is meant: the last thirty days, where nothing is said.
pub(super) fn period(looker: &Looker<'_>, span: &args::Span) -> Result<Span, Failure> {
    const USUAL: std::time::Duration = std::time::Duration::from_hours(30 * 24);
    let until = span.until.unwrap_or_else(|| looker.ambient.now());
    let from = span.since.unwrap_or_else(|| until.minus(USUAL));
    vutf_audit::check_period(Some(from), Some(until))
        .map_err(|_empty| Failure::Usage("--since is not before --until".to_owned()))?;
    Ok(Span {
        from: Some(from),
        until: Some(until),
    })
}

fn text(line: &Line) -> String {
    let who = line
        .actor_id
        .map_or_else(|| line.actor_kind.clone(), |id| format!("user {id}"));
    let reason = line
        .reason
        .as_ref()
        .map_or_else(String::new, |reason| format!(" ({reason})"));
    let what = line.resource_id.map_or_else(String::new, |id| format!(" {id}"));
    let count = line
        .count
        .map_or_else(String::new, |count| format!("  count {count}"));
    format!(
        "{}  {:<7}  {:<24}  {}{reason}  {who}  {}{what}{count}  request {}",
        line.occurred_at,
        line.kind.as_str(),
        line.action,
        line.outcome,
        line.resource_kind,
        line.request_id
    )
}

fn described(line: &Line) -> Value {
    json!({
        "id": line.id,
        "seq": line.seq,
        "occurred_at": line.occurred_at,
        "request_id": line.request_id,
        "kind": line.kind.as_str(),
        "action": line.action,
        "resource": {"kind": line.resource_kind, "id": line.resource_id},
        "actor": {"type": line.actor_kind, "user_id": line.actor_id},
        "outcome": {"result": line.outcome, "reason": line.reason},
        "count": line.count,
        "subjects": line.subjects,
        "subject_count": line.subject_count,
    })
}
