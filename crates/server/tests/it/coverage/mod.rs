//! Every route, every answer that its document names, against the real binary: each is in the audit log, whole.
//!
//! What comes out is `docs/audit/coverage.md`. A route without a line in `scenes` fails here.

mod authz_scenes;
mod key_scenes;
mod log;
mod log_scenes;
mod mail_scenes;
mod mfa_scenes;
mod passkey_scenes;
mod people_scenes;
mod scenes;
mod stage;
mod table;

use std::{collections::BTreeMap, fmt::Write as _};

use vutf_server::{
    http::{
        route::{Access, Endpoint, Method, UNAUDITED},
        table::ROUTES,
    },
    openapi,
};
use vutf_testkit::client::Answer;

use self::{
    log::{Entry, Log},
    scenes::Wish,
    stage::Stage,
    table::{Cell, Row},
};
use crate::golden::golden_at;

/// Refused before a route is chosen: the edge looks at what the client accepts.
const BY_THE_EDGE: [u16; 1] = [406];
/// What goes wrong on our side; no request causes it.
const FAULTS: [u16; 2] = [500, 503];
/// Answers that only a race leads to, with the test that runs it.
const RACES: [(&str, &str, u16); 9] = [
    ("POST", "/api/v1/auth/email/object", 409),
    ("POST", "/api/v1/auth/password/change", 409),
    ("GET", "/api/v1/audit/events/{id}/proof", 409),
    ("PATCH", "/api/v1/audit/rules/{rule}", 409),
    ("POST", "/api/v1/audit/rules/{rule}/silence", 409),
    ("POST", "/api/v1/audit/rules/{rule}/unsilence", 409),
    ("POST", "/api/v1/audit/retention/runs", 409),
    ("DELETE", "/api/v1/users/{id}", 409),
    ("POST", "/api/v1/users/{id}/erase", 409),
];
const TOO_MANY: u16 = 429;
/// Refused by a service that takes no registrations, or that sends no mail.
const REFUSED_ELSEWHERE: [&str; 4] = [
    "/api/v1/auth/register",
    "/api/v1/auth/password/forgot",
    "/api/v1/auth/email/verify/resend",
    "/api/v1/me/email",
];
/// Done at once by a service where it does not take two persons.
const DONE_ELSEWHERE: &str = "/api/v1/audit/rules/{rule}/silence";
const UNKNOWN: &str = "01937b6e-5b5c-7d3e-8f00-000000000001";
/// The source of every request of the walk.
const AGENT: &str = "coverage-walk/1";

/// One answer of the walk.
struct Step {
    endpoint: &'static Endpoint,
    what: What,
    request_id: String,
    status: u16,
    /// Whose token it carried.
    user: Option<String>,
    /// Whether it was an API key of theirs.
    by_key: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// The first of its status.
    Answer,
    /// What succeeded, sent once more.
    Again,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_of_every_route_is_in_the_log() {
    let mut problems = Vec::new();
    let (mut stage, mut steps) = Stage::raise(&mut problems).await;
    for endpoint in audited().skip(1) {
        walk(&mut stage, endpoint, &mut steps, &mut problems).await;
    }
    let (late_steps, log) = stage.restrained(&mut problems).await;
    steps.extend(late_steps);
    log.assert_whole();
    let cells = check(&steps, &log, &mut problems);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    golden_at("docs/audit/coverage.md", &table::render(&rows(&cells)));
}

fn audited() -> impl Iterator<Item = &'static Endpoint> {
    let endpoints = ROUTES.iter().map(|route| &route.endpoint);
    endpoints.filter(|endpoint| endpoint.unaudited().is_none())
}

/// The answers that a walk can lead to.
fn statuses(endpoint: &Endpoint) -> Vec<u16> {
    let race = |status: &u16| RACES.contains(&(endpoint.method.as_str(), endpoint.path, *status));
    let documented = openapi::statuses(endpoint).into_iter();
    documented
        .filter(|status| !BY_THE_EDGE.contains(status) && !FAULTS.contains(status) && !race(status))
        .collect()
}

async fn walk(
    stage: &mut Stage,
    endpoint: &'static Endpoint,
    steps: &mut Vec<Step>,
    problems: &mut Vec<String>,
) {
    for status in statuses(endpoint) {
        let elsewhere = status == 403 && REFUSED_ELSEWHERE.contains(&endpoint.path);
        let alone = status == 200 && endpoint.path == DONE_ELSEWHERE;
        if status == TOO_MANY || elsewhere || alone {
            continue; // With the restrained service, or the silent one.
        }
        let wish = scenes::wish(stage, endpoint, status).await;
        let answer = take(stage, endpoint, &wish, status, steps, problems).await;
        let again = (200..300).contains(&status) && endpoint.method != Method::Get;
        if again && answer.is_some() {
            let request_id = stage.next_id();
            let answer = wish.send(&stage.site.api, endpoint, &request_id).await;
            steps.push(Step {
                endpoint,
                what: What::Again,
                request_id,
                status: answer.status,
                by_key: wish.is_by_key(),
                user: wish.user,
            });
        }
    }
}

/// Sends until the answer has the status; what only takes its time is answered with 409 until then.
async fn take(
    stage: &mut Stage,
    endpoint: &'static Endpoint,
    wish: &Wish,
    status: u16,
    steps: &mut Vec<Step>,
    problems: &mut Vec<String>,
) -> Option<Answer> {
    loop {
        let request_id = stage.next_id();
        let answer = wish.send(&stage.site.api, endpoint, &request_id).await;
        if answer.text().contains("VUTF_KEY_SETTLING") && status != 409 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        }
        if answer.status != status {
            let what = format!("{} {}", endpoint.method.as_str(), endpoint.path);
            problems.push(format!(
                "{what}: wanted {status}, got {}: {}",
                answer.status,
                answer.text()
            ));
            return None;
        }
        stage.remember(endpoint, &answer);
        steps.push(Step {
            endpoint,
            what: What::Answer,
            request_id,
            status,
            user: wish.user.clone(),
            by_key: wish.is_by_key(),
        });
        return Some(answer);
    }
}

/// Each step's one event, as a cell of the table.
fn check<'a>(steps: &'a [Step], log: &'a Log, problems: &mut Vec<String>) -> Vec<Cell<'a>> {
    let mut cells = Vec::new();
    for step in steps {
        let endpoint = step.endpoint;
        let what = format!("{} {} {}", endpoint.method.as_str(), endpoint.path, step.status);
        let names = [Some(endpoint.action), endpoint.other_action()];
        let ours = |entry: &&Entry| names.iter().flatten().any(|action| entry.action() == action.name);
        let found: Vec<&Entry> = log.of(&step.request_id).filter(ours).collect();
        // A destruction by one person is asked for and done at once; what was done is the event of the answer.
        let [event] = found[..] else {
            problems.push(format!("{what}: {} events of its action", found.len()));
            continue;
        };
        let outcome = match step.status {
            200..300 => "success",
            400..500 => "refused",
            _ => "failed",
        };
        if event.outcome() != outcome {
            problems.push(format!("{what}: the event says {}", event.body));
        }
        if let Some(problem) = event.misfit(step) {
            problems.push(format!("{what}: {problem}: {}", event.body));
        }
        cells.push(Cell {
            endpoint,
            what: step.what,
            status: step.status,
            event,
        });
    }
    cells
}

fn rows<'a>(cells: &'a [Cell<'a>]) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for endpoint in audited() {
        let own = cells.iter().filter(|cell| std::ptr::eq(cell.endpoint, endpoint));
        let answers: BTreeMap<u16, &Cell<'a>> = own
            .clone()
            .filter(|cell| cell.what == What::Answer)
            .map(|cell| (cell.status, cell))
            .collect();
        let walked: Vec<u16> = answers.keys().copied().collect();
        assert_eq!(walked, statuses(endpoint), "{}", endpoint.path);
        rows.push(Row {
            endpoint,
            answers,
            again: own.clone().find(|cell| cell.what == What::Again),
        });
    }
    rows
}

#[test]
fn what_may_answer_without_an_event_is_a_public_read_that_exists() {
    for (path, why) in UNAUDITED {
        let routes = ROUTES.iter().map(|route| &route.endpoint);
        let of_path: Vec<&Endpoint> = routes.filter(|endpoint| endpoint.path == path).collect();
        assert!(!of_path.is_empty(), "{path} is no route any more");
        for endpoint in of_path {
            assert!(
                endpoint.method == Method::Get
                    && (endpoint.access == Access::Anonymous || path.starts_with("/api/v1/audit/log/")),
                "{path}"
            );
        }
        assert!(!why.is_empty());
    }
}

/// What only a race leads to is still what the document says.
#[test]
fn races_are_of_documented_answers() {
    for (method, path, status) in RACES {
        let mut routes = ROUTES.iter().map(|route| &route.endpoint);
        let found = routes.find(|endpoint| endpoint.method.as_str() == method && endpoint.path == path);
        assert!(
            found.is_some_and(|endpoint| openapi::statuses(endpoint).contains(&status)),
            "{method} {path}"
        );
    }
}

fn line(out: &mut String, text: &str) {
    let _written = writeln!(out, "{text}");
}
