//! Ids, purposes and tiles in paths.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use uuid::Uuid;
use vutf_audit::merkle::TileId;
use vutf_crypto_keys::Purpose;
use vutf_kernel::Class;

use crate::http::problem::{FieldError, Problem};

/// The `{id}` of the path, in the hyphenated form that the API gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub Uuid);

impl FromRequest for Id {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("id").unwrap_or_default();
        ready(parse(text).map(Self).ok_or_else(|| {
            let error = FieldError::new("id", "invalid_parameter", "use a UUID such as the API gives out");
            Problem::new(Class::Invalid, "invalid_parameter").errors(vec![error])
        }))
    }
}

/// The `{purpose}` of the path, in the form that the API gives out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfPurpose(pub Purpose);

impl FromRequest for OfPurpose {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("purpose").unwrap_or_default();
        ready(text.parse().map(Self).map_err(|_unknown| {
            let detail = "use the purpose of a key such as the API gives out, e.g. field:users";
            let error = FieldError::new("purpose", "invalid_parameter", detail);
            Problem::new(Class::Invalid, "invalid_parameter").errors(vec![error])
        }))
    }
}

/// The `{tile}` of the path: which tile, and how many of its hashes (C2SP tlog-tiles).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TilePath {
    /// Which.
    pub id: TileId,
    /// How many hashes, 1 to 256.
    pub width: u64,
}

impl FromRequest for TilePath {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("tile").unwrap_or_default();
        let found = TileId::parse(text).map(|(id, width)| Self { id, width });
        ready(found.map_err(|error| {
            let error = FieldError::new("tile", "invalid_parameter", error.to_string());
            Problem::new(Class::Invalid, "invalid_parameter").errors(vec![error])
        }))
    }
}

/// The `{rule}` of the path: the id of a detection rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfRule(pub String);

impl FromRequest for OfRule {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("rule").unwrap_or_default();
        ready(rule(text).map(Self).ok_or_else(|| {
            let detail = "use the id of a rule, e.g. mass-read";
            let error = FieldError::new("rule", "invalid_parameter", detail);
            Problem::new(Class::Invalid, "invalid_parameter").errors(vec![error])
        }))
    }
}

/// The `{role}` of the path: the name of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfRole(pub String);

impl FromRequest for OfRole {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("role").unwrap_or_default();
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let is_name = (1..=48).contains(&text.len()) && text.bytes().all(fits);
        ready(if is_name {
            Ok(Self(text.to_owned()))
        } else {
            let detail = "use the name of a role, e.g. auditor";
            let error = FieldError::new("role", "invalid_parameter", detail);
            Err(Problem::new(Class::Invalid, "invalid_parameter").errors(vec![error]))
        })
    }
}

/// Letters, digits and hyphens.
fn rule(text: &str) -> Option<String> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    ((1..=48).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned())
}

/// Only the hyphenated form: one thing has one address.
fn parse(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_with_hyphens_are_ids_of_rules() {
        assert_eq!(rule("mass-read").as_deref(), Some("mass-read"));
        for bad in ["", "Mass-Read", "../x", "a b", "a.b", &"x".repeat(49)] {
            assert!(rule(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        assert!(parse("01937b6e-5b5c-7d3e-8f00-000000000001").is_some());
        for bad in [
            "",
            "1",
            "01937b6e5b5c7d3e8f00000000000001",
            "{01937b6e-5b5c-7d3e-8f00-000000000001}",
            "urn:uuid:01937b6e-5b5c-7d3e-8f00-000000000001",
            "01937b6e-5b5c-7d3e-8f00-00000000000g",
            "' OR 1=1 --",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
