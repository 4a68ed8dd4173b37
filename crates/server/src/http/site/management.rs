//! The listener for operators.

use actix_web::{HttpResponse, web};

use super::health;
use crate::http::state::AppState;

/// Metrics in Prometheus' text format, and health with every detail.
pub(crate) fn register(config: &mut web::ServiceConfig) {
    config
        .route("/metrics", web::get().to(metrics))
        .route("/health/live", web::get().to(live))
        .route("/health/ready", web::get().to(ready))
        .route("/health/startup", web::get().to(startup));
}

async fn metrics(state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(state.metrics.render())
}

async fn live() -> HttpResponse {
    health::alive()
}

async fn ready(state: web::Data<AppState>) -> HttpResponse {
    health::readiness(&state, true).await
}

async fn startup(state: web::Data<AppState>) -> HttpResponse {
    health::startup(&state)
}
