//! The cookies of browsers. RFC 6265bis; OWASP Session Management.
//!
//! There is one form of them, whatever the profile: `__Host-` and `Secure`. Over plain HTTP a browser takes them from `localhost` alone, if
//! at all; a weaker form for development would be one more thing to get wrong in production.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponseBuilder,
    cookie::{Cookie, SameSite, time},
    http::header,
};
use vutf_identity::{
    device::DeviceCookie,
    refresh::TokenHash,
    session::{Ends, SessionKind, login::Client},
};
use vutf_kernel::Secret;

use super::{csrf, problem::Problem, state::AppState};

/// Holds the session's secret. The prefix binds it to this host and to TLS: neither a sibling domain nor a plain connection can plant one.
pub(in crate::http) const SESSION: &str = "__Host-violentutf_session";
/// Holds what scripts of the page send back in a header; worth nothing to anybody without the session's cookie.
pub(in crate::http) const CSRF: &str = "csrf_token";

/// By which a browser is known at its next sign-in; it signs nobody in.
const DEVICE: &str = "__Host-violentutf_device";

/// What is signed in with, as far as the request says.
pub(in crate::http) fn client(request: &HttpRequest, kind: SessionKind) -> Client {
    Client {
        kind,
        device: read(request, DEVICE),
        accepts: None,
    }
}

/// Gives a browser what it is known by.
pub(in crate::http) fn give_device(answer: &mut HttpResponseBuilder, device: Option<&DeviceCookie>) {
    if let Some(device) = device {
        answer.cookie(cookie(DEVICE, device.cookie.expose(), device.lasts, true));
    }
}

/// The one cookie of that name; none if there are several, of which one may have been planted.
pub(in crate::http) fn read(request: &HttpRequest, name: &str) -> Option<Secret<String>> {
    let lines = request.headers().get_all(header::COOKIE);
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut named = pairs.filter(|(known, _)| *known == name);
    let (_, value) = named.next()?;
    named.next().is_none().then(|| Secret::new(value.to_owned()))
}

/// Gives a browser the cookies of its session; answers the token that it sends beside them.
pub(in crate::http) fn give(
    state: &AppState,
    answer: &mut HttpResponseBuilder,
    secret: &Secret<String>,
    ends: Ends,
) -> Result<String, Problem> {
    let lasts = ends.expires_at.since(state.identity.ambient.now());
    let token = csrf::token(state, &TokenHash::of(secret.expose()))?;
    answer
        .cookie(cookie(SESSION, secret.expose(), lasts, true))
        .cookie(cookie(CSRF, &token, lasts, false));
    Ok(token)
}

/// Gives the token alone, for as long as the browser is open.
pub(in crate::http) fn give_token(answer: &mut HttpResponseBuilder, token: &str) {
    let mut cookie = cookie(CSRF, token, Duration::ZERO, false);
    cookie.set_max_age(None);
    answer.cookie(cookie);
}

/// Takes both away.
pub(in crate::http) fn take_back(answer: &mut HttpResponseBuilder) {
    answer
        .cookie(cookie(SESSION, "", Duration::ZERO, true))
        .cookie(cookie(CSRF, "", Duration::ZERO, false));
}

pub(in crate::http) fn cookie<'a>(
    name: &'a str,
    value: &'a str,
    lasts: Duration,
    hidden: bool,
) -> Cookie<'a> {
    let seconds = i64::try_from(lasts.as_secs()).unwrap_or(i64::MAX);
    Cookie::build(name, value)
        .path("/")
        .secure(true)
        .http_only(hidden)
        .same_site(SameSite::Lax)
        .max_age(time::Duration::seconds(seconds))
        .finish()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn of_two_cookies_of_one_name_none_is_believed() {
        let read_from = |lines: &[&str]| {
            let request = lines.iter().fold(TestRequest::default(), |request, line| {
                request.append_header((header::COOKIE, *line))
            });
            read(&request.to_http_request(), SESSION).map(|value| value.expose().clone())
        };
        let one = "__Host-violentutf_session=a";
        assert_eq!(read_from(&[one]).as_deref(), Some("a"));
        assert_eq!(
            read_from(&["x=1; __Host-violentutf_session=a;y=2"]).as_deref(),
            Some("a")
        );
        assert_eq!(read_from(&[one, "__Host-violentutf_session=b"]), None);
        assert_eq!(
            read_from(&["__Host-violentutf_session=a; __Host-violentutf_session=a"]),
            None
        );
        assert_eq!(read_from(&["violentutf_session=a"]), None);
        assert_eq!(read_from(&[]), None);
    }

    #[test]
    fn a_cookie_is_bound_to_host_and_tls() {
        let session = cookie(SESSION, "v", Duration::from_mins(1), true).to_string();
        assert_eq!(
            session,
            "__Host-violentutf_session=v; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60"
        );
        assert!(
            !cookie(CSRF, "v", Duration::ZERO, false)
                .to_string()
                .contains("HttpOnly")
        );
    }
}
