//! Probes for orchestrators and load balancers. They are not counted against a rate limit.

pub(crate) mod api;
pub(crate) mod api_live;
pub(crate) mod api_ready;
pub(crate) mod live;
pub(crate) mod ready;
pub(crate) mod startup;

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::role::permission;

use crate::http::{
    guard,
    health::{Phase, Readiness},
    state::AppState,
};

/// Whether requests should be sent here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthBody {
    /// `ready`, `degraded` or `not_ready`.
    #[schema(example = "ready")]
    pub(crate) status: &'static str,
    /// What each probe found; for operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<std::collections::HashMap<String, CheckBody>>)]
    pub(crate) checks: Option<BTreeMap<&'static str, CheckBody>>,
}

/// What a probe found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckBody {
    /// `ok`, `degraded` or `failed`.
    #[schema(example = "ok")]
    pub(crate) status: &'static str,
    /// How long the look took, in milliseconds.
    pub(crate) latency_ms: u64,
    /// Whether nothing can be served without it.
    pub(crate) required: bool,
}

/// A word about the process itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AliveBody {
    /// `alive`, `started` or `starting`.
    #[schema(example = "alive")]
    pub(crate) status: &'static str,
}

/// For whoever asks: the word. For a caller with `operations:read`: the checks too.
pub(crate) async fn public(state: &AppState, request: &HttpRequest) -> HttpResponse {
    let caller = if request.headers().contains_key("authorization") {
        guard::recognise(state, request).await
    } else {
        None
    };
    let operator = caller.is_some_and(|ctx| ctx.grants.allow(&permission::OPERATIONS_READ));
    readiness(state, operator).await
}

/// 200 unless no requests should come.
pub(crate) async fn readiness(state: &AppState, details: bool) -> HttpResponse {
    let results = state.health.results().await;
    let readiness = state.health.readiness(&results);
    let checks = results.iter().map(|result| {
        let latency_ms = u64::try_from(result.latency.as_millis()).unwrap_or(u64::MAX);
        let status = result.status.as_str();
        (
            result.name,
            CheckBody {
                status,
                latency_ms,
                required: result.required,
            },
        )
    });
    let body = HealthBody {
        status: readiness.as_str(),
        checks: details.then(|| checks.collect()),
    };
    match readiness {
        Readiness::NotReady => HttpResponse::ServiceUnavailable()
            .insert_header(("retry-after", "1"))
            .json(body),
        Readiness::Ready | Readiness::Degraded => HttpResponse::Ok().json(body),
    }
}

/// The process answers; that is all.
pub(crate) fn alive() -> HttpResponse {
    HttpResponse::Ok().json(AliveBody { status: "alive" })
}

/// 200 once everything is loaded.
pub(crate) fn startup(state: &AppState) -> HttpResponse {
    match state.health.phase() {
        Phase::Starting => HttpResponse::ServiceUnavailable()
            .insert_header(("retry-after", "1"))
            .json(AliveBody { status: "starting" }),
        Phase::Serving | Phase::Draining => HttpResponse::Ok().json(AliveBody { status: "started" }),
    }
}
