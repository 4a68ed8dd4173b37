//! The document on the wire.

use std::borrow::Cow;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_kernel::RequestId;

use super::{FieldError, Problem, code};

/// RFC 9457, section 3.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document<'a> {
    /// Identifies the kind of problem; one per `code`.
    #[schema(value_type = String, format = "uri", example = "urn:violentutf:problem:invalid_value")]
    pub r#type: String,
    /// The kind of problem in words.
    #[schema(value_type = String, example = "A value is not acceptable")]
    pub title: Cow<'a, str>,
    /// The HTTP status.
    #[schema(example = 400)]
    pub status: u16,
    /// What is wrong with this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub detail: Option<&'a str>,
    /// The path that was asked for.
    #[schema(value_type = String, example = "/api/v1/auth/register")]
    pub instance: &'a str,
    /// Stable; programs decide by it.
    #[schema(value_type = String, example = "VUTF_INVALID_VALUE")]
    pub code: String,
    /// Name it when you ask for help.
    #[schema(value_type = String)]
    pub request_id: &'a str,
    /// Every part of the request that was refused.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<FieldError>)]
    pub errors: &'a [FieldError],
    /// The API versions that exist, where another was asked for.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub supported_versions: &'a [&'a str],
}

/// `VUTF_` and the code in capitals.
pub(super) fn wire_code(code: &str) -> String {
    format!("VUTF_{}", code.to_ascii_uppercase())
}

/// The document's bytes. `path` is shown as `instance`; it holds no query, which could carry personal data.
pub fn document(problem: &Problem, request_id: &RequestId, path: &str) -> Vec<u8> {
    let versions: &[&str] = if problem.lists_versions { &["v1"] } else { &[] };
    let document = Document {
        r#type: format!("urn:violentutf:problem:{}", problem.code),
        title: code::title(problem.code, problem.status),
        status: problem.status.as_u16(),
        detail: problem.detail.as_deref(),
        instance: path.get(..path.floor_char_boundary(512)).unwrap_or_default(),
        code: wire_code(problem.code),
        request_id: request_id.as_str(),
        errors: &problem.errors,
        supported_versions: versions,
    };
    // Strings and numbers always serialise.
    serde_json::to_vec(&document).unwrap_or_default()
}

/// Writes the answer.
pub fn render(problem: &Problem, request_id: &RequestId, path: &str) -> HttpResponse {
    let mut answer = HttpResponse::build(problem.status);
    answer
        .insert_header(("content-type", CONTENT_TYPE))
        .insert_header((CACHE_CONTROL, "no-store"));
    special_headers(problem, &mut answer);
    answer.body(document(problem, request_id, path))
}

/// RFC 6750, section 3: a request that carried no credential is told no error code. RFC 9470, section 3: one whose credential is
/// not enough is told what would be.
fn challenge(problem: &Problem) -> Cow<'static, str> {
    match (problem.demand(), problem.code) {
        (Some(demand), code) => Cow::Owned(format!(
            r#"Bearer realm="violentutf", error="{code}", error_description="Prove again who you are", acr_values="{}", max_age="{}""#,
            demand.aal.as_str(),
            demand.max_age.as_secs()
        )),
        (None, "several_credentials") => {
            Cow::Borrowed(r#"Bearer realm="violentutf", error="invalid_request""#)
        }
        (None, "unauthenticated") => Cow::Borrowed(r#"Bearer realm="violentutf""#),
        (None, _) => Cow::Borrowed(r#"Bearer realm="violentutf", error="invalid_token""#),
    }
}

fn special_headers(problem: &Problem, answer: &mut HttpResponseBuilder) {
    if problem.status.as_u16() == 401 {
        answer.insert_header((WWW_AUTHENTICATE, &*challenge(problem)));
    }
    if let Some(after) = problem.retry_after {
        let seconds = after
            .as_secs()
            .saturating_add(u64::from(after.subsec_nanos() > 0))
            .max(1);
        answer.insert_header((RETRY_AFTER, seconds));
    }
    if let Some(methods) = &problem.allow {
        answer.insert_header((ALLOW, methods.as_str()));
    }
}
