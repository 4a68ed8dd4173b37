//! The two servers, each with a key, a caller, and its audit on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use vutf_testkit::servers::{OpenBao, Postgres, PostgresOptions};

use crate::{
    client::Request,
    service::{Service, success},
};

/// 64 bytes, and what they are bound to, in base64.
const PAYLOAD: &str =
    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==";
const CONTEXT: &str = "b3JkZXJzLzQ3MTEvaWJhbg==";
/// Items in a batch: OpenBao refuses a few hundred.
pub(super) const BATCH: usize = 100;

/// A server that can be asked for the same things as the other.
pub(super) trait Site {
    fn name(&self) -> String;
    fn process(&self) -> u32;
    /// The request of a scenario, and what its answer must hold.
    fn request(&self, scenario: Scenario) -> Result<(Request, &'static str)>;
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scenario {
    Encrypt,
    EncryptBatch,
    Decrypt,
    DecryptBatch,
    LookUp,
}

impl Scenario {
    pub(super) const ALL: [Self; 5] = [
        Self::Encrypt,
        Self::EncryptBatch,
        Self::Decrypt,
        Self::DecryptBatch,
        Self::LookUp,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt, one item",
            Self::EncryptBatch => "encrypt, 100 items",
            Self::Decrypt => "decrypt, one item",
            Self::DecryptBatch => "decrypt, 100 items",
            Self::LookUp => "authenticated look-up",
        }
    }

    pub(super) fn items(self) -> usize {
        match self {
            Self::EncryptBatch | Self::DecryptBatch => BATCH,
            _ => 1,
        }
    }
}

/// This service.
pub(super) struct Ours {
    service: Service,
    database: &'static str,
    _postgres: Option<Postgres>,
}

impl Ours {
    /// Starts `program` with everything at its default but the rate limits, which are off.
    pub(super) fn start(program: &Path, home: &Path, postgres: bool) -> Result<Self> {
        let postgres = postgres
            .then(|| Postgres::start(&PostgresOptions::default()))
            .transpose()?;
        let url = postgres.as_ref().map(Postgres::url);
        let ours = Self {
            database: if postgres.is_some() {
                "PostgreSQL"
            } else {
                "SQLite"
            },
            service: Service::start(program, home, url.as_deref())?,
            _postgres: postgres,
        };
        let made = ours.service.ask(
            "/api/v1/keys",
            &json!({"purpose": "encrypt:orders", "activate": true}),
        )?;
        ensure!(made["state"] == "active", "the key was not made: {made}");
        Ok(ours)
    }

    fn sealed(&self, count: usize) -> Result<Value> {
        let item = json!({"plaintext": PAYLOAD, "context": CONTEXT});
        let body = json!({"key": "orders", "items": vec![item; count]});
        let answer = self.service.ask("/api/v1/crypto/encrypt", &body)?;
        let results = answer["results"].as_array().context("no results")?;
        let items = results
            .iter()
            .map(|result| json!({"ciphertext": result["ciphertext"], "context": CONTEXT}));
        Ok(json!({"key": "orders", "items": items.collect::<Vec<_>>()}))
    }
}

impl Site for Ours {
    fn name(&self) -> String {
        format!("ViolentUTF API on {}", self.database)
    }

    fn process(&self) -> u32 {
        self.service.server.id()
    }

    fn request(&self, scenario: Scenario) -> Result<(Request, &'static str)> {
        let item = json!({"plaintext": PAYLOAD, "context": CONTEXT});
        let items = vec![item; scenario.items()];
        Ok(match scenario {
            Scenario::Encrypt | Scenario::EncryptBatch => (
                self.service.post(
                    "/api/v1/crypto/encrypt",
                    &json!({"key": "orders", "items": items}),
                ),
                "vutf:v1:",
            ),
            Scenario::Decrypt | Scenario::DecryptBatch => (
                self.service
                    .post("/api/v1/crypto/decrypt", &self.sealed(scenario.items())?),
                PAYLOAD,
            ),
            Scenario::LookUp => (self.service.get("/api/v1/me"), "ada@example.org"),
        })
    }
}

/// OpenBao's transit engine, with its file audit device.
pub(super) struct Transit {
    server: OpenBao,
    port: u16,
}

impl Transit {
    /// Starts it, with a key of the kind that is its default.
    pub(super) fn start() -> Result<Self> {
        let server = OpenBao::start()?;
        let port = server.address().rsplit(':').next().context("no port")?.parse()?;
        let transit = Self { server, port };
        transit.ask("transit/keys/orders", &json!({"type": "aes256-gcm96"}))?;
        Ok(transit)
    }

    /// The directory in which it made its own.
    pub(super) fn files(&self) -> Option<PathBuf> {
        let own = self.server.audit_log().parent()?.to_owned();
        own.parent().map(Path::to_owned)
    }

    fn post(&self, path: &str, body: &Value) -> Request {
        let header = format!("x-vault-token: {}", self.server.root_token());
        Request::new(
            self.port,
            "POST",
            &format!("/v1/{path}"),
            &header,
            &body.to_string(),
        )
    }

    fn ask(&self, path: &str, body: &Value) -> Result<Value> {
        success(self.post(path, body).once()?)
    }

    fn sealed(&self, count: usize) -> Result<Value> {
        let item = json!({"plaintext": PAYLOAD, "associated_data": CONTEXT});
        let answer = self.ask(
            "transit/encrypt/orders",
            &json!({"batch_input": vec![item; count]}),
        )?;
        let results = answer["data"]["batch_results"].as_array().context("no results")?;
        let items = results
            .iter()
            .map(|result| json!({"ciphertext": result["ciphertext"], "associated_data": CONTEXT}));
        Ok(batch_or_one(items.collect()))
    }
}

impl Site for Transit {
    fn name(&self) -> String {
        self.server.version().to_owned()
    }

    fn process(&self) -> u32 {
        self.server.pid().unwrap_or_default()
    }

    fn request(&self, scenario: Scenario) -> Result<(Request, &'static str)> {
        let item = json!({"plaintext": PAYLOAD, "associated_data": CONTEXT});
        let items = vec![item; scenario.items()];
        Ok(match scenario {
            Scenario::Encrypt | Scenario::EncryptBatch => (
                self.post("transit/encrypt/orders", &batch_or_one(items)),
                "vault:v1:",
            ),
            Scenario::Decrypt | Scenario::DecryptBatch => (
                self.post("transit/decrypt/orders", &self.sealed(scenario.items())?),
                PAYLOAD,
            ),
            Scenario::LookUp => {
                let header = format!("x-vault-token: {}", self.server.root_token());
                (
                    Request::new(self.port, "GET", "/v1/auth/token/lookup-self", &header, ""),
                    "accessor",
                )
            }
        })
    }
}

/// One item is the body itself.
fn batch_or_one(mut items: Vec<Value>) -> Value {
    if items.len() == 1 {
        items.swap_remove(0)
    } else {
        json!({"batch_input": items})
    }
}
