//! A client of the API, as thin as a test can use: it asserts nothing and hides nothing.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::random;

/// Ends a hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// A client of one server.
#[derive(Clone, Debug)]
pub struct ApiClient {
    base: String,
    http: reqwest::Client,
}

/// A request that is being put together.
#[derive(Debug)]
pub struct Call(reqwest::RequestBuilder);

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// An account that a test makes.
#[derive(Clone, Debug)]
pub struct Person {
    /// Username.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// What a sign-in gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Access token.
    pub access: String,
    /// Refresh token.
    pub refresh: String,
    /// Id of the session.
    pub session: String,
}

impl Person {
    /// Somebody new, whose name begins with `prefix`.
    pub fn new(prefix: &str) -> Self {
        let tag = random::hex::<8>();
        Self {
            username: format!("{prefix}-{tag}"),
            email: format!("{prefix}-{tag}@example.org"),
            password: format!("a long phrase {}", random::hex::<8>()),
        }
    }
}

impl ApiClient {
    /// A client of the server at `base`, for example `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(base: &str) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self {
            base: base.to_owned(),
            http,
        })
    }

    /// The same, as a program that calls itself `agent`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn named(base: &str, agent: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .user_agent(agent)
            .build()?;
        Ok(Self {
            base: base.to_owned(),
            http,
        })
    }

    /// The same client for the same API at another address: after a restart, or another replica.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            http: self.http.clone(),
        }
    }

    /// A request with any method.
    ///
    /// # Panics
    /// When `method` is none.
    #[expect(clippy::expect_used, reason = "a test's own text")]
    pub fn request(&self, method: &str, path: &str) -> Call {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("the name of a method");
        Call(self.http.request(method, format!("{}{path}", self.base)))
    }

    /// A GET of `path`.
    pub fn get(&self, path: &str) -> Call {
        Call(self.http.get(format!("{}{path}", self.base)))
    }

    /// A POST to `path`.
    pub fn post(&self, path: &str) -> Call {
        Call(self.http.post(format!("{}{path}", self.base)))
    }

    /// A PUT to `path`.
    pub fn put(&self, path: &str) -> Call {
        Call(self.http.put(format!("{}{path}", self.base)))
    }

    /// A PATCH of `path`.
    pub fn patch(&self, path: &str) -> Call {
        Call(self.http.patch(format!("{}{path}", self.base)))
    }

    /// A DELETE of `path`.
    pub fn delete(&self, path: &str) -> Call {
        Call(self.http.delete(format!("{}{path}", self.base)))
    }

    /// Makes the first administrator.
    pub fn bootstrap(&self, token: &str, person: &Person) -> Call {
        let Person {
            username,
            email,
            password,
        } = person;
        let body = json!({"token": token, "username": username, "email": email, "password": password});
        self.post("/api/v1/bootstrap").json(&body)
    }

    /// Makes an account.
    pub fn register(&self, person: &Person) -> Call {
        let Person {
            username,
            email,
            password,
        } = person;
        let body = json!({"username": username, "email": email, "password": password});
        self.post("/api/v1/auth/register").json(&body)
    }

    /// Signs in.
    pub fn login(&self, person: &Person) -> Call {
        let body = json!({"username": person.username, "password": person.password});
        self.post("/api/v1/auth/login").json(&body)
    }

    /// Exchanges a refresh token.
    pub fn refresh(&self, token: &str) -> Call {
        self.post("/api/v1/auth/refresh")
            .json(&json!({"refresh_token": token}))
    }

    /// Sees one's own account.
    pub fn me(&self, tokens: &Tokens) -> Call {
        self.get("/api/v1/me").bearer(&tokens.access)
    }

    /// Ends the session.
    pub fn logout(&self, tokens: &Tokens) -> Call {
        self.post("/api/v1/auth/logout").bearer(&tokens.access)
    }

    /// Every item of the list at `path`, part by part. `path` has a query already, even if an empty one.
    ///
    /// # Errors
    /// When a part is not answered with 200.
    pub async fn all(&self, path: &str, tokens: &Tokens) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let part = format!("{path}&limit=100{cursor}");
            let answer = self.get(&part).bearer(&tokens.access).send().await?;
            ensure!(answer.status == 200, "{part}: {answer:?}");
            let mut body = answer.json()?;
            if let Some(found) = body["items"].as_array_mut() {
                items.append(found);
            }
            match body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// Every audit event of an action, oldest first.
    ///
    /// # Errors
    /// As [`Self::all`].
    pub async fn events(&self, action: &str, tokens: &Tokens) -> Result<Vec<Value>> {
        self.all(&format!("/api/v1/audit/events?action={action}"), tokens)
            .await
    }
}

impl Call {
    /// With an access token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        Self(self.0.bearer_auth(token))
    }

    /// With a header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// With a body as it is.
    #[must_use]
    pub fn body(self, kind: &str, bytes: Vec<u8>) -> Self {
        Self(self.0.header("content-type", kind).body(bytes))
    }

    /// Sends it.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn send(self) -> reqwest::Result<Answer> {
        let response = self.0.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// Sends it and insists on a status.
    ///
    /// # Errors
    /// When the answer has another status, with the answer.
    pub async fn expect(self, status: u16) -> Result<Answer> {
        let answer = self.send().await?;
        ensure!(
            answer.status == status,
            "expected {status}, got {}: {}",
            answer.status,
            answer.text()
        );
        Ok(answer)
    }
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).context("the body is not JSON")
    }

    /// A header, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What a browser would send back as `Cookie`.
    pub fn cookies(&self) -> String {
        let lines = self.headers.get_all("set-cookie").iter();
        let pairs = lines.filter_map(|line| line.to_str().ok()?.split(';').next());
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Whether it is a problem document (RFC 9457) about its own status.
    pub fn is_problem(&self) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        let status = self.json().ok().and_then(|body| body["status"].as_u64());
        kind.starts_with("application/problem+json") && status == Some(self.status.into())
    }

    /// The tokens of a sign-in.
    ///
    /// # Errors
    /// When the body holds none.
    pub fn tokens(&self) -> Result<Tokens> {
        let body = self.json()?;
        let text = |name: &str| body[name].as_str().map(str::to_owned).context("no tokens");
        Ok(Tokens {
            access: text("access_token")?,
            refresh: text("refresh_token")?,
            session: text("session_id")?,
        })
    }

    /// The id of a resource.
    ///
    /// # Errors
    /// When the body names none.
    pub fn id(&self) -> Result<String> {
        let body = self.json()?;
        body["id"].as_str().map(str::to_owned).context("no id")
    }
}
