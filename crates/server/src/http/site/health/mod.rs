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
    health::{KekStatus, Phase, ProbeResult, Readiness},
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
    /// Of `kms`: how long the keys in memory have not been confirmed by their provider: `fresh`, `grace` (everything works),
    /// `read_only` or `closed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "fresh")]
    pub(crate) posture: Option<&'static str>,
    /// Of `kms`: the key-encryption keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keks: Option<Vec<KekBody>>,
}

/// A key-encryption key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KekHealth)]
pub(crate) struct KekBody {
    /// Its id.
    id: String,
    /// `primary`, `also_wrap` or `moving_from`.
    #[schema(example = "primary")]
    role: &'static str,
    /// Who keeps it.
    #[schema(example = "file")]
    technology: &'static str,
    /// `ok`, `degraded` or `failed`.
    #[schema(example = "ok")]
    status: &'static str,
}

impl CheckBody {
    fn new(result: &ProbeResult) -> Self {
        let kek = |kek: &KekStatus| KekBody {
            id: kek.id.clone(),
            role: kek.role,
            technology: kek.technology,
            status: kek.status.as_str(),
        };
        let keys = result.keys.as_ref();
        Self {
            status: result.status.as_str(),
            latency_ms: u64::try_from(result.latency.as_millis()).unwrap_or(u64::MAX),
            required: result.required,
            posture: keys.map(|keys| keys.posture),
            keks: keys.map(|keys| keys.keks.iter().map(kek).collect()),
        }
    }
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
    let operator = caller.is_some_and(|ctx| ctx.may(&permission::OPERATIONS_READ));
    readiness(state, operator).await
}

/// 200 unless no requests should come.
pub(crate) async fn readiness(state: &AppState, details: bool) -> HttpResponse {
    let results = state.health.results().await;
    let readiness = state.health.readiness(&results);
    let checks = results.iter().map(|result| (result.name, CheckBody::new(result)));
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
