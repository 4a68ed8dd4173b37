//! HTTP to Vault.

use std::{error::Error as StdError, fs, time::Duration};

use reqwest::{Certificate, Client, Method, Response, StatusCode, Url, redirect::Policy};
use serde::{Serialize, de::DeserializeOwned};
use vutf_kernel::Secret;
use zeroize::Zeroizing;

use super::{VaultError, VaultOptions};

const TOKEN: &str = "X-Vault-Token";
const NAMESPACE: &str = "X-Vault-Namespace";
/// Vault answers only what carries it where a proxy could be made to ask (request forgery).
const REQUEST: &str = "X-Vault-Request";
/// No answer that is looked at is longer.
const MAX_ANSWER: usize = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(3);

/// A server, without who asks.
#[derive(Debug)]
pub(super) struct Api {
    http: Client,
    base: Url,
    namespace: Option<String>,
}

/// An answer that is not 2xx, not yet judged.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) errors: String,
}

/// What came of a request.
pub(super) type Answer<T> = Result<Result<T, Refusal>, VaultError>;

impl Api {
    pub(super) fn new(options: &VaultOptions) -> Result<Self, VaultError> {
        let base = Url::parse(&options.address).map_err(|_| VaultError::Options("the address is no URL"))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() || base.cannot_be_a_base() {
            return Err(VaultError::Options("the address is no http:// or https:// URL"));
        }
        let mut http = Client::builder()
            // A redirect would take the token to another host, and a proxy of the environment would see it.
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(Duration::from_secs(30));
        if let Some(path) = &options.ca_file {
            let wrong = |problem: String| VaultError::File {
                path: path.clone(),
                problem,
            };
            let pem = fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
            if authorities.is_empty() {
                return Err(wrong("it holds no certificate in PEM".into()));
            }
            http = http.tls_certs_only(authorities);
        }
        Ok(Self {
            http: http.build().map_err(|error| VaultError::Away(chain(&error)))?,
            base,
            namespace: options.namespace.clone(),
        })
    }

    /// `GET /v1/PATH`.
    pub(super) async fn read<T: DeserializeOwned>(&self, path: &str, token: &Secret<String>) -> Answer<T> {
        self.call(Method::GET, path, Some(token), None::<&()>).await
    }

    /// `POST /v1/PATH`.
    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        path: &str,
        token: Option<&Secret<String>>,
        body: &impl Serialize,
    ) -> Answer<T> {
        self.call(Method::POST, path, token, Some(body)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        token: Option<&Secret<String>>,
        body: Option<&impl Serialize>,
    ) -> Answer<T> {
        let url = self
            .base
            .join(&format!("/v1/{path}"))
            .map_err(|_| VaultError::Options("the address is no URL"))?;
        let mut request = self.http.request(method, url).header(REQUEST, "true");
        if let Some(namespace) = &self.namespace {
            request = request.header(NAMESPACE, namespace);
        }
        if let Some(token) = token {
            let mut value = reqwest::header::HeaderValue::from_str(token.expose())
                .map_err(|_| VaultError::TokenRefused)?;
            value.set_sensitive(true);
            request = request.header(TOKEN, value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(unsent)?;
        let status = answer.status();
        let body = body_of(answer).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map(Ok).map_err(|_| {
                VaultError::Unexpected(format!("HTTP {status} that is not the JSON it should be"))
            });
        }
        judge(status, &body)
    }
}

/// What concerns the server itself is an error; what concerns the request is for the caller to judge.
fn judge<T>(status: StatusCode, body: &[u8]) -> Answer<T> {
    let errors = errors_of(body);
    match status.as_u16() {
        // A read replica, or one that has not caught up, has been asked.
        status @ (412 | 472 | 473) => Err(VaultError::Away(format!("HTTP {status}, a standby"))),
        429 => Err(VaultError::Throttled),
        503 if errors.to_lowercase().contains("sealed") => Err(VaultError::Sealed),
        status @ 500.. => Err(VaultError::Away(format!("HTTP {status} {errors}"))),
        status @ 300..400 => Err(VaultError::Away(format!(
            "HTTP {status}: this is a standby that redirects; name the load balancer or the active node"
        ))),
        status => Ok(Err(Refusal { status, errors })),
    }
}

/// The server's words, shortened: they name paths and reasons, never material.
fn errors_of(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Errors {
        #[serde(default)]
        errors: Vec<String>,
    }
    let errors = serde_json::from_slice::<Errors>(body).map(|answer| answer.errors.join("; "));
    errors.unwrap_or_default().trim().chars().take(200).collect()
}

async fn body_of(mut answer: Response) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut body = Zeroizing::new(Vec::with_capacity(4_096));
    while let Some(chunk) = answer.chunk().await.map_err(unsent)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(VaultError::Unexpected("an answer of more than 64 KiB".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unsent(error: reqwest::Error) -> VaultError {
    let text = chain(&error.without_url());
    if text.contains("certificate") {
        VaultError::Untrusted(text)
    } else {
        VaultError::Away(text)
    }
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Answer<()> {
        judge(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn the_state_of_the_server_is_told_from_the_fate_of_the_request() {
        assert!(matches!(
            judged(503, r#"{"errors":["Vault is sealed"]}"#),
            Err(VaultError::Sealed)
        ));
        assert!(matches!(judged(429, ""), Err(VaultError::Throttled)));
        for status in [307, 412, 472, 473, 500, 502, 503, 504] {
            assert!(
                matches!(judged(status, "<html>"), Err(VaultError::Away(_))),
                "{status}"
            );
        }
        for status in [400, 403, 404] {
            let refusal = judged(status, r#"{"errors":["a","b"]}"#).unwrap().unwrap_err();
            assert_eq!((refusal.status, &*refusal.errors), (status, "a; b"));
        }
    }
}
