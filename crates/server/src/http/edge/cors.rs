//! Cross-origin calls: nothing by default, named origins only, and never with cookies (Fetch standard, CORS protocol).

use actix_web::{
    HttpResponse,
    dev::ServiceRequest,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
};

use crate::config::HttpUrl;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const TAKEN: &str = "authorization, content-type, if-match, x-request-id, idempotency-key, accept";
const SHOWN: &str = "etag, x-request-id, retry-after, ratelimit, ratelimit-policy, server-timing, api-version, deprecation, sunset";

/// The caller's origin, if it was named in the configuration.
pub(super) fn allowed_origin(origins: &[HttpUrl], request: &ServiceRequest) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    origins
        .iter()
        .any(|allowed| allowed.origin() == text)
        .then(|| origin.clone())
}

/// The answer to a preflight of an origin that may call. Others meet the ordinary 405.
pub(super) fn preflight(request: &ServiceRequest, origin: Option<&HeaderValue>) -> Option<HttpResponse> {
    let asks = request
        .headers()
        .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let is_preflight = request.method() == Method::OPTIONS && asks && origin.is_some();
    is_preflight.then(|| {
        HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, TAKEN))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"))
            .finish()
    })
}

/// Lets the browser show the answer to the caller.
pub(super) fn write(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(SHOWN),
        );
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}
