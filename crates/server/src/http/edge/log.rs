//! One line and one measurement a request, from the same clock reading. No address, no query, no name of a person.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpMessage as _, body::BoxBody, dev::ServiceResponse};

use crate::{
    http::{request::Caller, state::AppState},
    telemetry::Metrics,
};

/// Writes both.
pub(super) fn access(state: &AppState, response: &ServiceResponse<BoxBody>, took: Duration) {
    let request = response.request();
    // The pattern, never the path: a path may hold what a client mistook for one, and labels must stay few.
    let pattern = request.match_pattern();
    let route = pattern
        .as_deref()
        .filter(|route| !route.is_empty())
        .unwrap_or("unmatched");
    let method = request.method().as_str();
    let status = response.status().as_u16();
    state.metrics.observe_request(method, route, status, took);
    let extensions = request.extensions();
    let actor = extensions.get::<Caller>().map(|caller| &caller.actor);
    let actor_kind = actor.map_or("anonymous", vutf_kernel::Actor::kind);
    let actor_id = actor
        .and_then(vutf_kernel::Actor::user_id)
        .map(|id| id.to_string());
    let duration_ms = (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0;
    tracing::info!(
        target: "vutf_server::access",
        method,
        route,
        status,
        duration_ms,
        actor.kind = actor_kind,
        actor.id = actor_id,
        "request"
    );
}

/// Counts a request as under way until it is dropped, answered or not.
pub(super) struct Underway(Arc<Metrics>);

impl Underway {
    pub(super) fn begin(metrics: &Arc<Metrics>) -> Self {
        metrics.request_started();
        Self(Arc::clone(metrics))
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.request_ended();
    }
}
