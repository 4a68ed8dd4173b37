//! The span of a request: its id is in every log line within, and a caller's trace goes on in it (W3C Trace Context).

use actix_web::dev::ServiceRequest;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::http::request::Arrival;

struct Headers<'a>(&'a ServiceRequest);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.headers().get(key)?.to_str().ok()
    }
    fn keys(&self) -> Vec<&str> {
        self.0
            .headers()
            .keys()
            .map(actix_web::http::header::HeaderName::as_str)
            .collect()
    }
}

/// Opens the span.
pub(super) fn span(request: &ServiceRequest, arrival: &Arrival) -> Span {
    // At the highest level, so that no filter takes the request id from the lines that it lets through.
    let span = tracing::error_span!("request", request_id = arrival.request_id.as_str());
    if request.headers().contains_key("traceparent") {
        let parent = TraceContextPropagator::new().extract(&Headers(request));
        // Without an exporter there is nothing to join, which is no mistake.
        let _joined = span.set_parent(parent);
    }
    span
}
