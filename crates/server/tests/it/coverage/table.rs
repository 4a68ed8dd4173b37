//! `docs/audit/coverage.md`.

use std::collections::BTreeMap;

use vutf_server::http::{
    route::{Endpoint, UNAUDITED},
    table::ROUTES,
};

use super::{RACES, What, line, log::Entry};

/// An answer and its event.
pub(super) struct Cell<'a> {
    pub(super) endpoint: &'static Endpoint,
    pub(super) what: What,
    pub(super) status: u16,
    pub(super) event: &'a Entry,
}

/// All answers of a route.
pub(super) struct Row<'a> {
    pub(super) endpoint: &'static Endpoint,
    pub(super) answers: BTreeMap<u16, &'a Cell<'a>>,
    pub(super) again: Option<&'a Cell<'a>>,
}

impl Row<'_> {
    fn done(&self) -> String {
        let done = self.answers.range(200..300);
        let done: Vec<String> = done
            .map(|(status, cell)| format!("{status} {}", self.event(cell)))
            .collect();
        done.join("<br>")
    }
    fn again(&self) -> String {
        self.again.map_or_else(
            || "-".to_owned(),
            |cell| format!("{} {}", cell.status, self.event(cell)),
        )
    }
    fn refused(&self, status: u16) -> String {
        self.answers
            .get(&status)
            .map_or_else(|| "-".to_owned(), |cell| self.event(cell))
    }
    /// The action only where it is not the declared one.
    fn event(&self, cell: &Cell<'_>) -> String {
        let event = cell.event;
        let said = if event.reason().is_empty() {
            event.outcome()
        } else {
            event.reason()
        };
        if event.action() == self.endpoint.action.name {
            said.to_owned()
        } else {
            format!("{}: {said}", event.action())
        }
    }
    fn count(&self) -> usize {
        self.answers.len() + usize::from(self.again.is_some())
    }
}

pub(super) fn render(rows: &[Row<'_>]) -> String {
    let mut out = String::new();
    let cells: usize = rows.iter().map(Row::count).sum();
    let statuses: Vec<u16> = {
        let all = rows.iter().flat_map(|row| row.answers.keys().copied());
        let mut all: Vec<u16> = all.filter(|status| *status >= 400).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    head(&mut out, rows.len(), cells);
    let columns: Vec<String> = statuses.iter().map(u16::to_string).collect();
    line(
        &mut out,
        &format!("| route | action | done | again | {} |", columns.join(" | ")),
    );
    line(&mut out, &format!("|{}", "---|".repeat(4 + columns.len())));
    for row in rows {
        let endpoint = row.endpoint;
        let refused: Vec<String> = statuses.iter().map(|status| row.refused(*status)).collect();
        line(
            &mut out,
            &format!(
                "| `{} {}` | `{}` | {} | {} | {} |",
                endpoint.method.as_str(),
                endpoint.path,
                endpoint.action.name,
                row.done(),
                row.again(),
                refused.join(" | ")
            ),
        );
    }
    tail(&mut out);
    out
}

fn head(out: &mut String, routes: usize, cells: usize) {
    line(out, "# Coverage of the audit log");
    line(out, "");
    line(
        out,
        "Written by `crates/server/tests/it/coverage`, which sends every request below to a running service and finds its event",
    );
    line(
        out,
        "in the exported log: `UPDATE_GOLDEN=1 cargo xtask test --filter coverage` writes it anew. How to cover a new route:",
    );
    line(out, "[the guide](../guides/audit-coverage.md).");
    line(out, "");
    line(
        out,
        &format!(
            "**{} routes, {routes} of them audited; {cells} cells (route x answer), {cells} with their event: 100 %.**",
            ROUTES.len()
        ),
    );
    line(out, "");
    line(
        out,
        "A cell says how the event ended: `success`, or the reason of a refusal; its action is the one of the route unless it is",
    );
    line(
        out,
        "named. `again` is what succeeded, sent once more. `-`: the document of the route has no such answer.",
    );
    line(out, "");
}

fn tail(out: &mut String) {
    line(out, "");
    line(out, "## Not in the table");
    line(out, "");
    line(
        out,
        "- 406 is given by the edge before a route is chosen. 500 and 503 come of no request: they are recorded as `failed` by the",
    );
    line(
        out,
        "  guard, for every route alike, or wait in the backlog while nothing can be recorded.",
    );
    for (method, path, status) in RACES {
        line(
            out,
            &format!("- `{method} {path}` answers {status} only when two requests race."),
        );
    }
    line(out, "");
    line(out, "## Without an event");
    line(out, "");
    line(out, "| route | why |");
    line(out, "|---|---|");
    for (path, why) in UNAUDITED {
        line(out, &format!("| `GET {path}` | {why} |"));
    }
}
