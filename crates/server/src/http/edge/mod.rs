//! The outermost layer: every answer, whoever made it, passes here and leaves with a request id, the time it took, the
//! headers that protect browsers and, if it refuses, a problem document.

mod cors;
mod headers;
mod log;
mod negotiate;
mod trace;

use std::time::Instant;

use actix_web::{
    Error, HttpMessage as _, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{ConnectionType, StatusCode, header},
    middleware::Next,
    web,
};
use tracing::Instrument as _;

use super::{
    audit::problem_of,
    health::Phase,
    problem::{CONTENT_TYPE, Problem, render},
    request::Arrival,
    state::AppState,
};

/// Largest request target, in bytes.
const URI_LIMIT: usize = 8 * 1024;
/// Largest header, in bytes, names included.
const HEADER_LIMIT: usize = 8 * 1024;

/// Wraps everything.
pub(super) async fn edge(
    state: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let _underway = log::Underway::begin(&state.metrics);
    let arrival = Arrival::read(&state, &request);
    request.extensions_mut().insert(arrival.clone());
    let wish = negotiate::Wish::read(&request);
    let origin = cors::allowed_origin(&state.config.server.cors_origins, &request);
    let span = trace::span(&request, &arrival);
    let early = precheck(&request, wish).or_else(|| cors::preflight(&request, origin.as_ref()));
    let response = match early {
        // Not `into_response`, which forgets what the answer was made from.
        Some(answer) => ServiceResponse::new(request.into_parts().0, answer),
        None => next
            .call(request)
            .instrument(span.clone())
            .await?
            .map_into_boxed_body(),
    };
    let mut response = documented(response, &arrival);
    let secure = state.config.server.behind_tls_proxy;
    headers::write(response.headers_mut(), &arrival, secure);
    cors::write(response.headers_mut(), origin);
    wish.write(response.headers_mut());
    if state.health.phase() == Phase::Draining {
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    let took = started.elapsed();
    headers::server_timing(response.headers_mut(), took);
    span.in_scope(|| log::access(&state, &response, took));
    Ok(response)
}

/// Between compression and the routes: problem documents are written here, so that they are compressed like any answer.
pub(super) async fn problems(
    state: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let arrival = Arrival::of(&state, response.request());
    Ok(documented(response, &arrival))
}

fn precheck(request: &ServiceRequest, wish: negotiate::Wish) -> Option<HttpResponse> {
    let refuse = |status, code| Some(HttpResponse::from_error(Problem::with_status(status, code)));
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if target > URI_LIMIT {
        return refuse(StatusCode::URI_TOO_LONG, "uri_too_long");
    }
    let fields = request.headers().iter();
    let size: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if size > HEADER_LIMIT {
        return refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large");
    }
    wish.refusal(request.path()).map(HttpResponse::from_error)
}

/// Gives a refusal its document. An answer that is JSON already (a probe that says "not ready") says what it has to say.
fn documented(response: ServiceResponse<BoxBody>, arrival: &Arrival) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is = |name: &str| kind.is_some_and(|kind| kind.as_bytes().starts_with(name.as_bytes()));
    if is(CONTENT_TYPE) || is("application/json") {
        return response;
    }
    let problem = problem_of(&response);
    let (request, old) = response.into_parts();
    let mut answer = render(&problem, &arrival.request_id, request.path());
    for (name, value) in old.headers() {
        let of_the_body = [
            header::CONTENT_TYPE,
            header::CONTENT_LENGTH,
            header::CONTENT_ENCODING,
        ]
        .contains(name);
        if !of_the_body && !answer.headers().contains_key(name) {
            answer.headers_mut().append(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(request, answer)
}
