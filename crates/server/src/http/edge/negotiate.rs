//! Version and media type by `Accept` (RFC 9110, section 12.5.1).

use actix_web::{
    dev::ServiceRequest,
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderValue},
    },
};

use crate::http::problem::Problem;

const VENDOR: &str = "application/vnd.violentutf.v1+json";
const TAKEN: [&str; 5] = [
    "*/*",
    "application/*",
    "application/json",
    "application/problem+json",
    VENDOR,
];

/// What the caller accepts of what an API route gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// JSON, by any of its names.
    Json,
    /// Only this API's own name for it.
    Vendor,
    /// Only a version that does not exist.
    OtherVersion,
    /// Nothing that there is.
    Nothing,
}

impl Wish {
    pub(super) fn read(request: &ServiceRequest) -> Self {
        let values = request.headers().get_all(header::ACCEPT);
        let texts: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
        Self::of(&texts.join(","))
    }

    fn of(accept: &str) -> Self {
        let ranges: Vec<String> = accept
            .split(',')
            .filter(|range| !is_excluded(range))
            .filter_map(|range| range.split(';').next())
            .map(|essence| essence.trim().to_ascii_lowercase())
            .filter(|essence| !essence.is_empty())
            .collect();
        let taken = || ranges.iter().filter(|range| TAKEN.contains(&range.as_str()));
        let of_ours = |range: &String| range.starts_with("application/vnd.violentutf.");
        if accept.trim().is_empty() || taken().any(|range| range != VENDOR) {
            Self::Json
        } else if taken().next().is_some() {
            Self::Vendor
        } else if ranges.iter().any(of_ours) {
            Self::OtherVersion
        } else {
            Self::Nothing
        }
    }

    /// Why an API route cannot answer. Pages and probes answer whatever is asked for.
    pub(super) fn refusal(self, path: &str) -> Option<Problem> {
        if !path.starts_with("/api/") {
            return None;
        }
        let refuse = || Problem::with_status(StatusCode::NOT_ACCEPTABLE, "not_acceptable");
        match self {
            Self::Json | Self::Vendor => None,
            Self::OtherVersion => Some(refuse().detail("this version does not exist").listing_versions()),
            Self::Nothing => Some(
                refuse()
                    .detail("answers are `application/json`")
                    .listing_versions(),
            ),
        }
    }

    /// Names the type as it was asked for.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        let json = headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind == "application/json");
        if json && self == Self::Vendor {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(VENDOR));
        }
    }
}

/// A weight of zero means "not this".
fn is_excluded(range: &str) -> bool {
    range.split(';').skip(1).any(|parameter| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|q| q <= 0.0)
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wishes() {
        for (accept, wish) in [
            ("", Wish::Json),
            ("*/*", Wish::Json),
            ("text/html, application/json;q=0.5", Wish::Json),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Wish::Json),
            ("application/vnd.violentutf.v1+json", Wish::Vendor),
            ("application/vnd.violentutf.v2+json", Wish::OtherVersion),
            ("application/vnd.violentutf.v2+json, application/json", Wish::Json),
            ("text/html", Wish::Nothing),
            ("application/json;q=0", Wish::Nothing),
        ] {
            assert_eq!(Wish::of(accept), wish, "{accept}");
        }
    }

    #[test]
    fn only_api_routes_refuse() {
        assert!(Wish::Nothing.refusal("/docs").is_none());
        assert_eq!(
            Wish::OtherVersion.refusal("/api/v1/me").unwrap().status(),
            StatusCode::NOT_ACCEPTABLE
        );
    }

    proptest! {
        #[test]
        fn arbitrary_headers_never_panic(accept in "\\PC{0,100}") {
            let _ = Wish::of(&accept);
        }
    }
}
