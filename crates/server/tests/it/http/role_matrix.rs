//! Every role on every route, as a table and as it is answered: `docs/security/role-matrix.md`.

use std::fmt::Write as _;

use actix_web::{http::Method as HttpMethod, test::TestRequest};
use serde_json::json;
use vutf_identity::role::BUILT_IN;
use vutf_kernel::Outcome;
use vutf_server::http::{
    route::{Access, Endpoint, Method},
    table::ROUTES,
};

use super::world::{Answer, PASSWORD, World, bearer, call, post, world};
use crate::golden::golden_at;

const SOME_ID: &str = "01937b6e-5b5c-7d3e-8f00-000000000001";
/// The role that a key's owner has; of the key's scopes it is one.
const OF_THE_KEY: &str = "auditor";

/// Who calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Anonymous,
    /// A person of a role, in a session.
    Role(usize),
    /// A service account of the role [`OF_THE_KEY`], by a key with all of its permissions.
    Key,
}

/// What is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// Neither 401 nor 403.
    Yes,
    /// The same, of one's own.
    Own,
    /// 403, and an event that says so.
    Refused,
    /// 401.
    Unauthenticated,
}

impl Cell {
    fn text(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Own => "own",
            Self::Refused => "403",
            Self::Unauthenticated => "401",
        }
    }
}

fn columns() -> Vec<Column> {
    let roles = (0..BUILT_IN.len()).map(Column::Role);
    let all = [Column::Anonymous].into_iter().chain(roles);
    all.chain([Column::Key]).collect()
}

fn expected(endpoint: &Endpoint, column: Column) -> Cell {
    let role = |name: usize| &BUILT_IN[name];
    match (&endpoint.access, column) {
        (Access::Anonymous, _) => Cell::Yes,
        (_, Column::Anonymous) => Cell::Unauthenticated,
        (Access::Session, Column::Role(_)) => Cell::Own,
        (Access::Permission(needed), Column::Role(of)) if role(of).permissions().contains(needed) => {
            Cell::Yes
        }
        (Access::Session, Column::Key) if endpoint.is_open_to_keys() => Cell::Own,
        (Access::Permission(needed), Column::Key) => {
            let owner = BUILT_IN.iter().find(|role| role.name == OF_THE_KEY).unwrap();
            if endpoint.is_open_to_keys() && owner.permissions().contains(needed) {
                Cell::Yes
            } else {
                Cell::Refused
            }
        }
        _ => Cell::Refused,
    }
}

fn line(text: &mut String, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<String> = cells.into_iter().collect();
    let _written = writeln!(text, "| {} |", cells.join(" | "));
}

fn heading(column: Column) -> String {
    match column {
        Column::Anonymous => "anonymous".to_owned(),
        Column::Role(of) => format!("`{}`", BUILT_IN[of].name),
        Column::Key => format!("key of an `{OF_THE_KEY}`"),
    }
}

fn table() -> String {
    let mut text = String::from(
        "# Who may call what\n\nEach built-in role on each route. `yes`: it is answered; `own`: it is answered, and reaches what belongs \
         to the caller; `403` and\n`401`: it is refused so, and the refusal is in the audit log. The administrator of another tenant \
         reaches nothing of this one, whatever the\nroute ([neighbour.rs](../../crates/server/tests/it/http/neighbour.rs)). \
         Policies take away from this and add nothing ([the guide](../guides/write-a-policy.md)).\n\nWritten and held against the \
         service by [role_matrix.rs](../../crates/server/tests/it/http/role_matrix.rs), which tries every cell.\n\n",
    );
    let columns = columns();
    let head = ["route".to_owned()].into_iter();
    line(
        &mut text,
        head.chain(columns.iter().map(|column| heading(*column))),
    );
    line(
        &mut text,
        std::iter::repeat_n("---".to_owned(), columns.len() + 1),
    );
    for route in ROUTES {
        let endpoint = &route.endpoint;
        let name = format!("`{} {}`", endpoint.method.as_str(), endpoint.path);
        let cells = columns
            .iter()
            .map(|column| expected(endpoint, *column).text().to_owned());
        line(&mut text, [name].into_iter().chain(cells));
    }
    text
}

fn request(endpoint: &Endpoint) -> TestRequest {
    let method = HttpMethod::from_bytes(endpoint.method.as_str().as_bytes()).unwrap();
    let path = endpoint
        .path
        .replace("{id}", SOME_ID)
        .replace("{purpose}", "field:users")
        .replace("{rule}", "guessing-burst")
        .replace("{role}", "nobody_has_it");
    TestRequest::default().method(method).uri(&path)
}

/// What is wrong with an answer; `None`: it is what the table says.
fn wrong(
    world: &World,
    endpoint: &Endpoint,
    cell: Cell,
    answer: &Answer,
    events_before: usize,
) -> Option<String> {
    let refused = matches!(answer.status, 401 | 403);
    let fits = match cell {
        Cell::Yes | Cell::Own => !refused,
        Cell::Refused => answer.status == 403,
        Cell::Unauthenticated => answer.status == 401,
    };
    if !fits {
        return Some(format!("{}: {}", answer.status, answer.json()));
    }
    let refusal_is_told = || {
        let events = world.store.events();
        let mut since = events[events_before..].iter();
        since.any(|event| {
            event.action == endpoint.action.name && matches!(event.outcome, Outcome::Refused { .. })
        })
    };
    let must_tell = matches!(cell, Cell::Refused | Cell::Unauthenticated) && endpoint.audits_refusals();
    (must_tell && !refusal_is_told()).then(|| "the refusal is not in the log".to_owned())
}

async fn made(world: &World, admin: &str, path: &str, body: &serde_json::Value) -> serde_json::Value {
    let made = world.send(bearer(post(path, body), admin)).await;
    assert_eq!(made.status, 201, "{}", made.json());
    made.json()
}

#[actix_web::test]
async fn every_role_on_every_route_is_answered_as_the_table_says() {
    golden_at("docs/security/role-matrix.md", &table());
    let world = world(&[]).await;
    let admin = world.admin().await;
    for role in BUILT_IN {
        let name = format!("holder-{}", role.name);
        let body = json!({
            "username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "roles": [role.name],
        });
        made(&world, &admin, "/api/v1/users", &body).await;
    }
    let program = json!({"username": "program", "roles": [OF_THE_KEY]});
    let program = made(&world, &admin, "/api/v1/service-accounts", &program).await;
    let scopes: Vec<&str> = BUILT_IN
        .iter()
        .find(|role| role.name == OF_THE_KEY)
        .unwrap()
        .permissions()
        .iter()
        .map(vutf_kernel::Permission::as_str)
        .collect();
    let key = json!({"owner": program["id"], "api_key": {"name": "matrix", "scopes": scopes}});
    let key = made(&world, &admin, "/api/v1/api-keys", &key).await;
    let key = key["secret"].as_str().unwrap().to_owned();
    let app = world.app().await;
    let (mut tried, mut unexpected) = (0, Vec::new());
    for column in columns() {
        let mut token = None;
        for route in ROUTES {
            let endpoint = &route.endpoint;
            let asked = match column {
                Column::Anonymous => request(endpoint),
                Column::Role(of) => {
                    if token.is_none() {
                        token = Some(world.login(&format!("holder-{}", BUILT_IN[of].name)).await);
                    }
                    bearer(request(endpoint), token.as_deref().unwrap())
                }
                Column::Key => request(endpoint).insert_header(("x-api-key", key.clone())),
            };
            let before = world.store.events().len();
            let answer = call(&app, asked).await;
            // What succeeded may have ended the session.
            if answer.status < 300 && endpoint.method != Method::Get {
                token = None;
            }
            tried += 1;
            if let Some(problem) = wrong(&world, endpoint, expected(endpoint, column), &answer, before) {
                let who = heading(column);
                unexpected.push(format!(
                    "{} {} by {who}: {problem}",
                    endpoint.method.as_str(),
                    endpoint.path
                ));
            }
        }
    }
    assert_eq!(tried, ROUTES.len() * columns().len());
    assert!(
        unexpected.is_empty(),
        "{} of {tried}:\n{}",
        unexpected.len(),
        unexpected.join("\n")
    );
}
