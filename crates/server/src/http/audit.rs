//! Refusals that no use case saw (no token, no permission, a body that cannot be read) are written to the audit log in a
//! transaction of their own.

use std::time::Duration;

use actix_web::{body::BoxBody, dev::ServiceResponse, http::StatusCode};
use vutf_kernel::{Ctx, Env, Event, EventRecorder as _, Outcome, Resource};

use super::{problem::Problem, route::Endpoint, state::AppState};

/// The caller waits for the record at most so long; the failure is in the log then.
const LIMIT: Duration = Duration::from_secs(2);

/// Records `response` if it refuses and the use case did not record it.
///
/// Not recorded: 429, which anybody can cause in any number and which the metrics count; routes that do not exist, which
/// never come here; and reading what is public.
pub(super) async fn refusal(
    state: &AppState,
    endpoint: &Endpoint,
    ctx: &Ctx,
    response: &ServiceResponse<BoxBody>,
) {
    let status = response.status();
    let refuses = status.is_client_error() || status.is_server_error();
    if !refuses || status == StatusCode::TOO_MANY_REQUESTS || !endpoint.audits_refusals() {
        return;
    }
    let problem = problem_of(response);
    if problem.is_audited() {
        return;
    }
    let outcome = if status.is_server_error() {
        Outcome::Failed {
            reason: problem.code().into(),
        }
    } else {
        Outcome::refused(problem.code())
    };
    let id = response.request().match_info().get("id");
    let id = id.and_then(|id| id.parse().ok());
    let resource = id.map_or_else(|| endpoint.action.none(), |id| endpoint.action.one(id));
    let event = event(state, endpoint, ctx, resource, outcome);
    let written = tokio::time::timeout(LIMIT, state.identity.record(event)).await;
    match written {
        Ok(Ok(())) => {}
        Ok(Err(error)) => lost(endpoint, &error.chain()),
        Err(_elapsed) => lost(endpoint, "the store did not answer in time"),
    }
}

/// What a refusing answer was made from.
pub(super) fn problem_of(response: &ServiceResponse<BoxBody>) -> Problem {
    let known = response
        .response()
        .error()
        .and_then(|error| error.as_error::<Problem>());
    known
        .cloned()
        .unwrap_or_else(|| Problem::of_status(response.status()))
}

fn event(state: &AppState, endpoint: &Endpoint, ctx: &Ctx, resource: Resource, outcome: Outcome) -> Event {
    let ambient = &state.identity.ambient;
    let mut entropy = ambient.entropy();
    let mut env = Env {
        clock: ambient.clock(),
        entropy: &mut *entropy,
    };
    Event::new(ctx, &mut env, endpoint.action.name, resource, outcome)
}

fn lost(endpoint: &Endpoint, cause: &str) {
    tracing::error!(
        action = endpoint.action.name,
        "a refusal could not be written to the audit log: {cause}"
    );
}
