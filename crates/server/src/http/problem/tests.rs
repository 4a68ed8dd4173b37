use actix_web::{body::to_bytes, rt::System};
use serde_json::Value;
use vutf_kernel::{Fault, RequestId};

use super::*;

fn document(problem: &Problem) -> (HttpResponse, Value) {
    let id = RequestId::parse("req-1").unwrap();
    let answer = render(problem, &id, "/api/v1/x");
    let (head, body) = answer.into_parts();
    let bytes = System::new().block_on(to_bytes(body)).unwrap();
    (
        head.set_body(actix_web::body::BoxBody::new(())),
        serde_json::from_slice(&bytes).unwrap(),
    )
}

#[test]
fn every_class_has_a_status_and_a_code_of_that_status() {
    use Class::{
        Conflict, Forbidden, Internal, Invalid, NotFound, PreconditionRequired, Stale, Throttled,
        Unauthenticated, Unavailable,
    };
    for class in [
        Invalid,
        Unauthenticated,
        Forbidden,
        NotFound,
        Conflict,
        Stale,
        PreconditionRequired,
        Throttled,
        Unavailable,
        Internal,
    ] {
        let code = CODES.iter().find(|code| code.name == class_code(class)).unwrap();
        assert_eq!(code.status, status_of(class).as_u16(), "{class:?}");
        assert!(code.generic);
    }
}

#[test]
fn codes_are_unique_and_in_snake_case() {
    let mut names: Vec<_> = CODES.iter().map(|code| code.name).collect();
    assert!(names.iter().all(|name| {
        name.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    }));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CODES.len());
}

#[test]
fn a_document_has_every_member() {
    let problem = Problem::new(Class::Invalid, "invalid_value")
        .detail("look here")
        .errors(vec![FieldError::new("/email", "email_form", "use an address")]);
    let (head, body) = document(&problem);
    assert_eq!(head.headers().get("content-type").unwrap(), CONTENT_TYPE);
    assert_eq!(body["type"], "urn:violentutf:problem:invalid_value");
    assert_eq!(body["title"], "A value is not acceptable");
    assert_eq!(body["status"], 400);
    assert_eq!(body["detail"], "look here");
    assert_eq!(body["instance"], "/api/v1/x");
    assert_eq!(body["code"], "VUTF_INVALID_VALUE");
    assert_eq!(body["request_id"], "req-1");
    assert_eq!(body["errors"][0]["pointer"], "/email");
}

#[test]
fn causes_are_not_shown() {
    let error = PortError::new("users.insert", Fault::Other, "relation \"users\" does not exist");
    let (_, body) = document(&Problem::port(&error));
    let text = body.to_string();
    assert_eq!(body["status"], 500);
    assert!(
        !text.contains("relation") && !text.contains("users.insert"),
        "{text}"
    );
}

#[test]
fn statuses_that_ask_for_a_header_have_it() {
    let (head, _) = document(&Problem::new(Class::Unauthenticated, "unauthenticated"));
    assert_eq!(
        head.headers().get("www-authenticate").unwrap(),
        r#"Bearer realm="violentutf""#
    );
    let (head, _) = document(&Problem::new(Class::Unavailable, "unavailable"));
    assert_eq!(head.headers().get("retry-after").unwrap(), "1");
    let (head, _) =
        document(&Problem::new(Class::Throttled, "rate_limited").retry_after(Duration::from_millis(1_200)));
    assert_eq!(head.headers().get("retry-after").unwrap(), "2");
}

#[test]
fn what_a_library_answers_gets_a_code_of_its_status() {
    for status in [400, 404, 405, 406, 408, 413, 414, 415, 431, 500, 503, 418, 501] {
        let status = StatusCode::from_u16(status).unwrap();
        let (head, body) = document(&Problem::of_status(status));
        assert_eq!(head.status(), status);
        assert!(body["code"].as_str().unwrap().starts_with("VUTF_"));
    }
}
