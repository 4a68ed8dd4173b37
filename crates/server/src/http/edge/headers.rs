//! Headers of every answer. Values: OWASP Secure Headers Project, ASVS 5.0 chapter 3.4.

use std::time::Duration;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::http::request::Arrival;

/// Nothing may be loaded, framed or submitted: this is an API. Pages set their own.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const FIXED: [(&str, &str); 9] = [
    ("api-version", "1"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("x-permitted-cross-domain-policies", "none"),
    (
        "permissions-policy",
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), \
         microphone=(), payment=(), usb=()",
    ),
];

/// Writes them. `secure` says that a proxy in front terminates TLS: only then may HSTS be promised (RFC 6797, section 7.2).
pub(super) fn write(headers: &mut HeaderMap, arrival: &Arrival, secure: bool) {
    for (name, value) in FIXED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let mut default = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    default(header::CONTENT_SECURITY_POLICY, POLICY);
    default(header::CACHE_CONTROL, "no-store");
    if secure {
        default(
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=63072000; includeSubDomains",
        );
    }
    if let Ok(id) = HeaderValue::from_str(arrival.request_id.as_str()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
}

/// Server Timing (W3C): the whole of it, in milliseconds.
pub(super) fn server_timing(headers: &mut HeaderMap, took: Duration) {
    let text = format!("total;dur={:.3}", took.as_secs_f64() * 1_000.0);
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(HeaderName::from_static("server-timing"), value);
    }
}
