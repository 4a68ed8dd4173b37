//! Versions of resources on the wire: strong entity tags (RFC 9110, section 8.8.3).

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderValue},
};
use vutf_kernel::Class;

use crate::http::problem::Problem;

/// `"v<version>"`.
pub fn etag(version: i64) -> (header::HeaderName, HeaderValue) {
    let value =
        HeaderValue::try_from(format!("\"v{version}\"")).unwrap_or(HeaderValue::from_static("\"v0\""));
    (header::ETAG, value)
}

/// The version that the caller read. `None` when there is no `If-Match`: whether that is allowed, the use case decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all(header::IF_MATCH);
        let parsed = match (values.next(), values.next()) {
            (None, _) => Some(None),
            (Some(value), None) => value.to_str().ok().and_then(version).map(Some),
            (Some(_), Some(_)) => None,
        };
        ready(parsed.map(Self).ok_or_else(|| {
            Problem::new(Class::Invalid, "invalid_if_match").detail("send one strong entity tag, e.g. \"v3\"")
        }))
    }
}

/// Strong tags only: a weak one never matches here (RFC 9110, section 13.1.1). `*` names no version that was read. A strong
/// tag that this service never gave out can only be stale.
fn version(value: &str) -> Option<i64> {
    let tag = value.trim().strip_prefix('"')?.strip_suffix('"')?;
    let opaque = tag.bytes().all(|b| b == 0x21 || (0x23..=0x7e).contains(&b));
    let number = tag
        .strip_prefix('v')
        .and_then(|number| number.parse::<i64>().ok());
    opaque.then(|| number.filter(|number| *number > 0).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(values: &[&str]) -> Option<IfMatch> {
        let request = values
            .iter()
            .fold(TestRequest::get(), |request, value| {
                request.append_header((header::IF_MATCH, *value))
            })
            .to_http_request();
        IfMatch::extract(&request).into_inner().ok()
    }

    #[test]
    fn tags_round_trip() {
        let (_, value) = etag(42);
        assert_eq!(value, "\"v42\"");
        assert_eq!(read(&["\"v42\""]), Some(IfMatch(Some(42))));
        assert_eq!(read(&[]), Some(IfMatch(None)));
    }

    #[test]
    fn what_is_no_single_strong_tag_is_refused() {
        for bad in ["", "*", "v1", "W/\"v1\"", "\"v1\", \"v2\"", "\"v1"] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
        assert_eq!(read(&["\"v1\"", "\"v2\""]), None);
    }

    #[test]
    fn a_tag_of_somebody_else_matches_no_version() {
        for foreign in ["\"abc\"", "\"v0\"", "\"v-1\"", "\"v99999999999999999999\""] {
            assert_eq!(read(&[foreign]), Some(IfMatch(Some(0))), "{foreign}");
        }
    }
}
