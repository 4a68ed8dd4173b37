//! JSON bodies.

use std::{future::Future, pin::Pin};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{StatusCode, header},
    web,
};
use futures_util::StreamExt as _;
use serde::{Deserialize, de::DeserializeOwned};
use vutf_kernel::{Class, Secret};

use super::limits::{JsonLimits, check, pointer};
use crate::http::{
    problem::{FieldError, Problem},
    state::AppState,
};

/// A JSON body that kept within every limit and holds known fields only.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let state = request
                .app_data::<web::Data<AppState>>()
                .ok_or_else(|| Problem::internal("no state in the application data"))?;
            let server = &state.config.server;
            accepts_type(&request)?;
            let bytes = read(&request, payload, server.body_limit.as_usize()).await?;
            let limits = JsonLimits {
                depth: usize::from(server.json_depth),
                keys: server.json_keys as usize,
                string: server.json_string as usize,
            };
            parse(&bytes, limits).map(Self)
        })
    }
}

/// A JSON body whose type alone bounds it: known fields only, nothing that nests or repeats freely. It is read once, and only if
/// that fails again by the rules of [`Json`], which tell what is wrong and where. Its strings may be as long as a body.
#[derive(Debug)]
pub struct Typed<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Typed<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let state = request
                .app_data::<web::Data<AppState>>()
                .ok_or_else(|| Problem::internal("no state in the application data"))?;
            let server = &state.config.server;
            accepts_type(&request)?;
            // What is to be encrypted stands in it.
            let bytes = Secret::new(read(&request, payload, server.body_limit.as_usize()).await?);
            let limits = JsonLimits {
                depth: usize::from(server.json_depth),
                keys: server.json_keys as usize,
                string: server.body_limit.as_usize(),
            };
            parse_typed(bytes.expose(), limits).map(Self)
        })
    }
}

/// A member of a partial update (RFC 7396). Use with `#[serde(default)]`.
#[derive(Debug, Default)]
pub enum Member<T> {
    /// Not there: leave the value.
    #[default]
    Absent,
    /// `null`: remove the value.
    Null,
    /// Set the value.
    Given(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Option::<T>::deserialize(deserializer)?;
        Ok(given.map_or(Self::Null, Self::Given))
    }
}

fn accepts_type(request: &HttpRequest) -> Result<(), Problem> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    if header(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::with_status(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_encoding",
        ));
    }
    if header(header::CONTENT_TYPE).is_some_and(is_json) {
        return Ok(());
    }
    Err(Problem::with_status(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
    ))
}

/// `application/json` or this API's own type, in UTF-8.
fn is_json(value: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let known = [
        "application/json",
        "application/merge-patch+json",
        "application/vnd.violentutf.v1+json",
    ];
    known.iter().any(|name| essence.eq_ignore_ascii_case(name))
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            !name.trim().eq_ignore_ascii_case("charset")
                || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}

async fn read(request: &HttpRequest, mut payload: Payload, limit: usize) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        Problem::with_status(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
            .detail(format!("send at most {limit} bytes"))
    };
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(declared.unwrap_or_default().min(16 * 1024));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_broken| Problem::new(Class::Invalid, "bad_request"))?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Bytes to a value, with every limit checked on the way.
fn parse<T: DeserializeOwned>(bytes: &[u8], limits: JsonLimits) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Problem::new(Class::Invalid, "invalid_utf8")
            .detail(format!("the body is not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    check(text, limits).map_err(|error| refuse(error.code, &error.pointer, error.detail))?;
    // serde would take an array for a struct, member by member.
    if !text.trim_start().starts_with('{') {
        return Err(refuse("wrong_type", "", "expected an object".to_owned()));
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let path: Vec<_> = error.path().iter().map(segment).collect();
        let (code, detail) = explain(&error.inner().to_string());
        refuse(code, &pointer(&path), detail)
    })
}

fn parse_typed<T: DeserializeOwned>(bytes: &[u8], limits: JsonLimits) -> Result<T, Problem> {
    // serde would take an array for a struct, member by member.
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    match serde_json::from_slice(bytes) {
        Ok(value) if is_object => Ok(value),
        _ => parse(bytes, limits),
    }
}

fn refuse(code: &'static str, pointer: &str, detail: String) -> Problem {
    Problem::new(Class::Invalid, code)
        .detail(detail.clone())
        .errors(vec![FieldError::new(pointer, code, detail)])
}

fn segment(segment: &serde_path_to_error::Segment) -> String {
    use serde_path_to_error::Segment;
    match segment {
        Segment::Seq { index } => index.to_string(),
        Segment::Map { key } => key.clone(),
        Segment::Enum { variant } => variant.clone(),
        Segment::Unknown => "?".to_owned(),
    }
}

/// A stable code, and a sentence that repeats nothing that the caller sent: it may have been a password in a wrong place.
fn explain(message: &str) -> (&'static str, String) {
    let message = message.rsplit_once(" at line ").map_or(message, |(text, _)| text);
    let expected = || {
        let tail = message.rsplit_once("expected ").map(|(_, tail)| tail);
        match tail {
            Some(tail) if tail.starts_with("struct ") => "expected an object".to_owned(),
            Some(tail) => format!("expected {tail}"),
            None => "see the API document".to_owned(),
        }
    };
    if message.starts_with("unknown field") {
        ("unknown_field", expected())
    } else if message.starts_with("missing field") {
        ("missing_field", message.replace('`', ""))
    } else if message.starts_with("invalid type") {
        ("wrong_type", expected())
    } else {
        ("invalid_value", expected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: JsonLimits = JsonLimits {
        depth: 10,
        keys: 1_000,
        string: 10_000,
    };

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Dto {
        name: String,
        tags: Option<Vec<u8>>,
    }

    fn refusal(bytes: &[u8]) -> (&'static str, String) {
        let problem = parse::<Dto>(bytes, LIMITS).unwrap_err();
        (problem.code(), format!("{problem:?}"))
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        assert_eq!(refusal(b"\xff{}").0, "invalid_utf8");
        assert_eq!(refusal(b"{").0, "invalid_json");
        let (code, shown) = refusal(br#"{"name":"a","nmae":1}"#);
        assert!(code == "unknown_field" && shown.contains("/nmae"), "{shown}");
        let (code, shown) = refusal(br#"{"name":"a","tags":[1,"x"]}"#);
        assert!(code == "wrong_type" && shown.contains("/tags/1"), "{shown}");
        assert_eq!(refusal(b"{}").0, "missing_field");
        assert_eq!(refusal(br#"{"name":"a","name":"b"}"#).0, "duplicate_key");
    }

    #[test]
    fn values_are_not_repeated() {
        let (_, shown) = refusal(br#"{"name":"a","tags":"correct horse battery staple"}"#);
        assert!(!shown.contains("horse"), "{shown}");
        let (_, shown) = refusal(br#"{"name":{"expected hunter2":1}}"#);
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn only_json_in_utf8_is_taken() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/vnd.violentutf.v1+json",
            "application/json; charset=\"utf-8\"",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/jsonp",
            "application/json; charset=latin1",
            "text/json",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse::<Dto>(&bytes, LIMITS);
        }
    }
}
