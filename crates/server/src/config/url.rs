//! URLs in the configuration: some carry a password.

use std::fmt;

use toml::Value;
use url::Url;
use vutf_kernel::Secret;

use super::value::{Setting, text};

/// A connection URL that may hold a password. `Debug` and listings mask it.
#[derive(Clone)]
pub struct SecretUrl(Secret<String>);

impl SecretUrl {
    /// Takes a URL into custody; `None` when it is none.
    pub fn parse_text(text: &str) -> Option<Self> {
        Url::parse(text).ok().map(|_| Self(Secret::new(text.to_owned())))
    }
    /// The whole URL, password included; for the adapter that connects.
    pub fn secret(&self) -> &Secret<String> {
        &self.0
    }
    /// The part before the colon, e.g. `postgres`.
    pub fn scheme(&self) -> &str {
        self.0.expose().split(':').next().unwrap_or_default()
    }
    /// The URL without its secrets, for a log.
    pub fn masked(&self) -> String {
        masked_url(self.0.expose())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({})", self.masked())
    }
}

impl Setting for SecretUrl {
    const KIND: &'static str = "connection URL";
    const SECRET: bool = true;
    fn parse(value: &Value) -> Result<Self, String> {
        let text = text(value, Self::KIND)?;
        Self::parse_text(text).ok_or_else(|| "expected a URL such as postgres://user@host/name".into())
    }
    fn show(&self) -> String {
        self.masked()
    }
}

/// `url` with its password, and every query value that may be a secret, replaced by `***`.
///
/// What cannot be parsed is not shown at all, because nobody can say where its password is.
pub fn masked_url(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        return "(not a URL)".into();
    };
    // A URL without an authority cannot have its password replaced, and cannot have one either.
    if parsed.password().is_some() && parsed.set_password(Some("***")).is_err() {
        return "(not shown)".into();
    }
    if parsed.query().is_some() {
        let pairs: Vec<(String, String)> = parsed
            .query_pairs()
            .map(|(key, value)| {
                let shown = if HARMLESS_PARAMETERS.contains(&key.as_ref()) {
                    value.into_owned()
                } else {
                    "***".into()
                };
                (key.into_owned(), shown)
            })
            .collect();
        parsed.query_pairs_mut().clear().extend_pairs(pairs);
    }
    parsed.set_fragment(None);
    parsed.to_string()
}

/// Shown in full; every other parameter is masked, because drivers accept passwords under many names.
const HARMLESS_PARAMETERS: [&str; 7] = [
    "mode",
    "cache",
    "sslmode",
    "application_name",
    "connect_timeout",
    "protocol",
    "db",
];

/// An `http` or `https` URL without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl(Url);

impl HttpUrl {
    /// The text, as it is sent; without the slash that an empty path gets.
    pub fn as_str(&self) -> &str {
        let text = self.0.as_str();
        if self.0.path() == "/" && self.0.query().is_none() {
            text.trim_end_matches('/')
        } else {
            text
        }
    }
    /// Whether it is `https`.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
    /// Scheme, host and port (RFC 6454), e.g. `https://api.example.com`.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl HttpUrl {
    /// The host, unless it is an address.
    pub fn domain(&self) -> Option<String> {
        self.0.domain().map(str::to_owned)
    }
    /// Whether the host is `domain` or one below it.
    pub fn is_of_domain(&self, domain: &str) -> bool {
        let host = self.0.domain();
        host.and_then(|host| host.strip_suffix(domain))
            .is_some_and(|below| below.is_empty() || below.ends_with('.'))
    }
}

impl Setting for HttpUrl {
    const KIND: &'static str = "http(s) URL";
    fn parse(value: &Value) -> Result<Self, String> {
        let text = text(value, Self::KIND)?;
        let wrong = || "expected an http:// or https:// URL without credentials".to_owned();
        let url = Url::parse(text).map_err(|_| wrong())?;
        let fits = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        if fits { Ok(Self(url)) } else { Err(wrong()) }
    }
    fn show(&self) -> String {
        self.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_wherever_they_stand() {
        for url in [
            "postgres://app:hunter2@db.internal:5432/vutf?sslmode=require",
            "redis://:hunter2@cache/0",
            "postgres://app@db/vutf?password=hunter2",
            "postgres://app@db/vutf?sslpassword=hunter2#hunter2",
            "rediss://u:p%40hunter2@cache",
            "postgres://app:hunter2@[::1/vutf",
            "hunter2",
        ] {
            assert!(!masked_url(url).contains("hunter2"), "{}", masked_url(url));
            if let Some(secret) = SecretUrl::parse_text(url) {
                assert!(!format!("{secret:?}{}", secret.show()).contains("hunter2"));
            }
        }
        assert_eq!(
            masked_url("postgres://app:hunter2@db/vutf?sslmode=require"),
            "postgres://app:***@db/vutf?sslmode=require"
        );
        assert_eq!(
            masked_url("sqlite://data/vutf.db?mode=rwc"),
            "sqlite://data/vutf.db?mode=rwc"
        );
    }

    #[test]
    fn http_urls_carry_no_credentials() {
        let parse = |text: &str| HttpUrl::parse(&Value::String(text.into()));
        assert_eq!(
            parse("https://api.example.com").unwrap().as_str(),
            "https://api.example.com"
        );
        for bad in ["ftp://x", "https://u:p@x", "http://", "x", "http://x/#f"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
