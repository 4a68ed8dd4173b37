//! `audit access-graph`: who reached whose data.

use serde_json::{Value, json};
use vutf_audit::{
    EventFilter,
    access::action::GRAPH,
    graph::{AccessGraph, Edge, Reacher},
};
use vutf_kernel::{Detail, OrganizationId, PageRequest, Timestamp, UserId};

use super::{Looker, timeline::period};
use crate::cli::{
    answer::{count, table},
    args,
    failure::{Failure, Outcome},
    output::Output,
};

pub(super) async fn run(looker: &Looker<'_>, span: &args::Span, dot: bool, out: &mut Output) -> Outcome {
    let span = period(looker, span)?;
    let instant = |at: Option<Timestamp>| Detail::Text(at.map_or_else(String::new, Timestamp::rfc3339));
    let facts = [("from", instant(span.from)), ("until", instant(span.until))];
    let log = looker.open_part(GRAPH, facts).await?;
    let filter = EventFilter {
        from: span.from,
        until: span.until,
        ..EventFilter::within(OrganizationId::DEFAULT)
    };
    let mut graph = AccessGraph::default();
    let mut page = PageRequest {
        after: None,
        limit: PageRequest::MAX_LIMIT,
    };
    loop {
        let found = log.search(&filter, &page).await?;
        for record in &found.items {
            graph.push(record).map_err(|error| Failure::of(&error))?;
        }
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    if dot {
        return Ok(out.text(&graph.dot())?);
    }
    let edges: Vec<Value> = graph.edges().map(described).collect();
    let value = json!({
        "from": span.from,
        "until": span.until,
        "events": graph.events(),
        "edges": edges,
    });
    Ok(out.answer(&told(&graph), &value)?)
}

fn told(graph: &AccessGraph) -> String {
    let mut edges: Vec<_> = graph.edges().collect();
    edges.sort_by_key(|(_, _, edge)| std::cmp::Reverse(edge.events()));
    let rows: Vec<_> = edges
        .iter()
        .map(|(from, to, edge)| {
            [
                from.to_string(),
                to.to_string(),
                edge.reads.to_string(),
                edge.changes.to_string(),
                edge.refusals.to_string(),
                edge.last.rfc3339(),
            ]
        })
        .collect();
    let titles = ["ACTOR", "SUBJECT", "READS", "CHANGES", "REFUSALS", "LAST"];
    let edges = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    format!(
        "{} in {}\n\n{}",
        count(edges, "edge"),
        count(graph.events(), "event"),
        table(titles, &rows)
    )
}

fn described((from, to, edge): (&Reacher, UserId, &Edge)) -> Value {
    let (kind, user) = match from {
        Reacher::User(id) => ("user", Some(id)),
        Reacher::Kind(kind) => (kind.as_str(), None),
    };
    json!({
        "actor": {"type": kind, "user_id": user},
        "subject": to,
        "reads": edge.reads,
        "changes": edge.changes,
        "refusals": edge.refusals,
        "first": edge.first,
        "last": edge.last,
    })
}
