//! A browser sends its cookie whoever asks it to; so a request that changes something and is signed in by one must show that it comes from
//! a page of ours: by a token that no other page can read, and by what the browser itself says of the page. OWASP Cross-Site Request
//! Forgery Prevention, "Signed Double-Submit Cookie" and "Fetch Metadata headers".

use actix_web::{
    HttpRequest,
    http::{Method, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use vutf_identity::refresh::TokenHash;
use vutf_kernel::{Class, OrganizationId, Secret};

use super::{cookies, problem::Problem, state::AppState};
use crate::config::Config;

/// Name of the key.
pub(super) const KEY: &str = "csrf";
/// The header in which the token comes back. No form can send it, and no page of another origin may.
const HEADER: &str = "x-csrf-token";

/// A fresh token, good for one session and one secret of it.
pub(super) fn token(state: &AppState, session: &TokenHash) -> Result<String, Problem> {
    let random: [u8; 32] = state.identity.ambient.entropy().bytes();
    let tag = state
        .keyring
        .mac(OrganizationId::DEFAULT, KEY, &message(session, &random))
        .map_err(|error| Problem::port(&error.into_port("csrf.token")))?;
    Ok(format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(random),
        URL_SAFE_NO_PAD.encode(tag)
    ))
}

/// Refuses a request that is signed in by a cookie, changes something, and may come from another page.
pub(super) fn check(state: &AppState, request: &HttpRequest, session: &TokenHash) -> Result<(), Problem> {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return Ok(());
    }
    own_page(&state.config, request)?;
    let refused = || Problem::new(Class::Forbidden, "csrf_refused");
    let mut values = request.headers().get_all(HEADER);
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refused());
    };
    let sent = Secret::new(value.to_str().map_err(|_| refused())?.to_owned());
    let kept = cookies::read(request, cookies::CSRF).ok_or_else(refused)?;
    if sent == kept && is_of(state, sent.expose(), session)? {
        Ok(())
    } else {
        Err(refused())
    }
}

/// Refuses what the browser says comes from a page of another origin. A client that says nothing is no browser.
pub(super) fn own_page(config: &Config, request: &HttpRequest) -> Result<(), Problem> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or("?"))
    };
    let site = header("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin = header(header::ORIGIN.as_str()).is_none_or(|origin| is_own(config, request, origin));
    if site && origin {
        Ok(())
    } else {
        Err(Problem::new(Class::Forbidden, "foreign_origin"))
    }
}

/// The origin that the configuration names; without one, that of the host that was asked for.
fn is_own(config: &Config, request: &HttpRequest, origin: &str) -> bool {
    if let Some(url) = &config.server.public_url {
        return url.origin() == origin;
    }
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    host.is_some_and(|host| authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host)))
}

fn is_of(state: &AppState, token: &str, session: &TokenHash) -> Result<bool, Problem> {
    let part = |text: &str| <[u8; 32]>::try_from(URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    let Some((random, tag)) = token
        .split_once('.')
        .and_then(|(random, tag)| Some((part(random)?, part(tag)?)))
    else {
        return Ok(false);
    };
    state
        .keyring
        .verify_mac(OrganizationId::DEFAULT, KEY, &message(session, &random), &tag)
        .map_err(|error| Problem::port(&error.into_port("csrf.check")))
}

/// `len | sid | len | random`, lengths as eight bytes, the most significant first.
fn message(session: &TokenHash, random: &[u8; 32]) -> Vec<u8> {
    let mut message = Vec::with_capacity(80);
    for part in [&session.0, random] {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::config::{Sources, load};

    fn config(public_url: Option<&str>) -> Config {
        let pairs = public_url.map(|url| ("VUTF__SERVER__PUBLIC_URL".into(), url.into()));
        let sources = Sources {
            env: pairs.into_iter().collect(),
            ..Sources::default()
        };
        load(&sources).unwrap().config
    }

    #[test]
    fn what_a_browser_says_of_the_page_counts() {
        let named = config(Some("https://id.example.org"));
        let unnamed = config(None);
        for (config, headers, passes) in [
            (&unnamed, &[][..], true),
            (&unnamed, &[("sec-fetch-site", "same-origin")], true),
            (&unnamed, &[("sec-fetch-site", "none")], true),
            (&unnamed, &[("sec-fetch-site", "same-site")], false),
            (&unnamed, &[("sec-fetch-site", "cross-site")], false),
            (
                &unnamed,
                &[("origin", "http://api.test:8080"), ("host", "api.test:8080")],
                true,
            ),
            (
                &unnamed,
                &[("origin", "http://api.test"), ("host", "api.test:8080")],
                false,
            ),
            (&unnamed, &[("origin", "null"), ("host", "api.test")], false),
            (&unnamed, &[("origin", "http://api.test")], false),
            (
                &named,
                &[("origin", "https://id.example.org"), ("host", "10.0.0.7")],
                true,
            ),
            (&named, &[("origin", "http://id.example.org")], false),
            (&named, &[("origin", "https://id.example.org.evil.test")], false),
            (
                &named,
                &[("origin", "http://10.0.0.7"), ("host", "10.0.0.7")],
                false,
            ),
        ] {
            let request = headers.iter().fold(TestRequest::post(), |request, pair| {
                request.insert_header((pair.0, pair.1))
            });
            let found = own_page(config, &request.to_http_request());
            assert_eq!(found.is_ok(), passes, "{headers:?}");
        }
    }

    #[test]
    fn parts_of_the_message_cannot_be_shifted() {
        let message = message(&TokenHash([1; 32]), &[2; 32]);
        assert_eq!(message.len(), 80);
        assert_eq!(message[..9], [0, 0, 0, 0, 0, 0, 0, 32, 1]);
        assert_eq!(message[39..49], [1, 0, 0, 0, 0, 0, 0, 0, 32, 2]);
    }
}
