//! No answer without its event. What a use case has committed shows in the request's receipt; refusals that no use case saw (no
//! token, no permission, a body that cannot be read) are written here, in a transaction of their own.

use std::time::Duration;

use actix_web::{body::BoxBody, dev::ServiceResponse, http::StatusCode};
use vutf_identity::api_key::KeyRefusal;
use vutf_kernel::{Class, Ctx, Detail, Env, Event, EventRecorder as _, Outcome};

use super::{
    guard::refused,
    problem::Problem,
    rate,
    route::{Access, Endpoint},
    state::AppState,
};

/// The caller waits for the record of a refusal at most so long; then it waits in the backlog.
const LIMIT: Duration = Duration::from_secs(2);

/// The answer, once an event of the route's action is in the log; without one, what was done or shown is not told. Of a refusal
/// the event is written here unless it is there already.
///
/// Not recorded: routes that do not exist, which never come here, and those of [`super::route::UNAUDITED`].
pub(super) async fn settle(
    state: &AppState,
    endpoint: &Endpoint,
    ctx: &Ctx,
    response: ServiceResponse<BoxBody>,
) -> ServiceResponse<BoxBody> {
    let response = if refuses(response.status()) || ctx.receipt.is_given() || endpoint.unaudited().is_some() {
        response
    } else {
        withhold(state, endpoint, response)
    };
    if refuses(response.status()) {
        refusal(state, endpoint, ctx, &response).await;
    }
    response
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

fn refuses(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// A defect of ours: a use case that raises no event of the action that its route declares.
fn withhold(
    state: &AppState,
    endpoint: &Endpoint,
    response: ServiceResponse<BoxBody>,
) -> ServiceResponse<BoxBody> {
    state.metrics.audit().unrecorded_answer();
    tracing::error!(
        error.kind = "unaudited",
        action = endpoint.action.name,
        route = endpoint.path,
        "an answer is withheld: no event of its action was committed"
    );
    let (request, _untold) = response.into_parts();
    refused(request, Problem::new(Class::Internal, "internal"))
}

async fn refusal(state: &AppState, endpoint: &Endpoint, ctx: &Ctx, response: &ServiceResponse<BoxBody>) {
    let problem = problem_of(response);
    let key = problem.key_refusal();
    let reason = key.map_or(problem.code(), |refusal| refusal.reason);
    let outcome = if response.status().is_server_error() {
        Outcome::Failed {
            reason: reason.into(),
        }
    } else {
        Outcome::refused(reason)
    };
    if ctx.receipt.holds(&outcome) || !endpoint.audits_refusals() {
        return;
    }
    let id = response.request().match_info().get("id");
    let id = id.and_then(|id| id.parse().ok());
    let resource = id.map_or_else(|| endpoint.action.none(), |id| endpoint.action.one(id));
    let ambient = &state.identity.ambient;
    let mut entropy = ambient.entropy();
    let mut env = Env {
        clock: ambient.clock(),
        entropy: &mut *entropy,
    };
    let event = Event::new(ctx, &mut env, endpoint.action.name, resource, outcome);
    let event = match key {
        Some(refusal) => about_key(event, refusal),
        None => event,
    };
    let event = why(event, endpoint, &problem);
    drop(entropy);
    let throttled = response.status() == StatusCode::TOO_MANY_REQUESTS;
    let route = (endpoint.method.as_str(), endpoint.path);
    if throttled
        && !state
            .throttled
            .is_first(rate::caller(ctx), route, problem.code(), &event)
    {
        return;
    }
    record(state, endpoint, event).await;
}

/// Why a permission was not there: no role grants it, or which policy takes away what which roles grant.
fn why(event: Event, endpoint: &Endpoint, problem: &Problem) -> Event {
    if let Some(denial) = problem.denial() {
        return event
            .detail("permission", Detail::Text(denial.permission.as_str().to_owned()))
            .detail("granted_by", Detail::List(denial.granted_by.clone()))
            .detail("policy", Detail::Text(denial.policy.to_string()));
    }
    match &endpoint.access {
        Access::Permission(needed) if problem.code() == "forbidden" => {
            event.detail("missing", Detail::Text(needed.as_str().to_owned()))
        }
        _ => event,
    }
}

/// Which key was presented and whose it is, as far as anybody knows. The secret is in neither.
fn about_key(event: Event, refusal: &KeyRefusal) -> Event {
    let event = match refusal.lookup {
        Some(lookup) => event.detail("lookup", Detail::Text(lookup.as_str().to_owned())),
        None => event,
    };
    match refusal.key {
        Some((key, owner)) => event
            .detail("api_key", Detail::Text(key.to_string()))
            .subject(owner),
        None => event,
    }
}

/// A refusal shows nothing and changes nothing, so it is given even when it cannot be recorded: to answer 503 in its place would
/// tell a caller that they might be let in later. Its event waits until the log takes it.
async fn record(state: &AppState, endpoint: &Endpoint, event: Event) {
    let cause = match tokio::time::timeout(LIMIT, state.identity.record(event.clone())).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.chain(),
        Err(_elapsed) => "the store did not answer in time".to_owned(),
    };
    state.backlog.defer(event);
    tracing::warn!(
        action = endpoint.action.name,
        "the event of a refusal waits to be written to the audit log: {cause}"
    );
}
