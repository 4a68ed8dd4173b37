//! The service without sockets, database or Redis.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use actix_http::Request;
use actix_web::{
    App, Error,
    body::{BoxBody, to_bytes},
    dev::{Service, ServiceResponse},
    http::header::HeaderMap,
    test::{TestRequest, init_service},
};
use async_trait::async_trait;
use serde_json::{Value, json};
use vutf_app::{
    KeyReloader, KeyringCheckpointSigner, UnitOfWork,
    erasure::{Certificate, ErasureReader, Tombstone, Tombstones},
    export::{Holdings, PersonalData},
    jobs::JobSettings,
};
use vutf_audit::{
    MemoryLog,
    analysis::{MemoryAnalysis, RuleSet},
    retention::{Policy, RetentionSettings},
    tlog::{KeyName, publish::MemoryCosignatures},
};
use vutf_crypto_keys::{
    Keyring,
    job::MemoryJobs,
    memory::{MemoryKeys, MemoryWrapper},
    plan_missing,
};
use vutf_identity::{
    Email, Identity, Settings, Username,
    bootstrap::{CreateAdmin, create_admin},
    memory::MemoryStore,
};
use vutf_kernel::{
    Actor, Ambient, Cache, Ctx, Env, EventId, Fault, MemoryCache, OrganizationId, OsEntropy, PortError,
    RequestId, Secret, SystemClock, Units, UserId,
};
use vutf_server::{
    config::{Sources, load},
    http::{
        self, AnalysisPorts, AppState, ErasurePorts, Health, JobPorts, KeyUses, RetentionPorts, Throttled,
        Uses,
    },
    telemetry::Metrics,
};
use vutf_store_seaorm::Backlog;

pub(crate) const PASSWORD: &str = "a long and winding pass phrase";

/// How the store of the unit of work behaves.
#[derive(Clone, Default)]
pub(crate) struct Behaviour(Arc<AtomicU8>);

impl Behaviour {
    pub(crate) fn panics(&self) {
        self.0.store(1, Ordering::SeqCst);
    }
    pub(crate) fn hangs(&self) {
        self.0.store(2, Ordering::SeqCst);
    }
}

#[async_trait]
impl Units<dyn UnitOfWork> for Behaviour {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, PortError> {
        match self.0.load(Ordering::SeqCst) {
            1 => panic!("planted"),
            2 => std::future::pending().await,
            _ => Err(PortError::new(
                "begin",
                Fault::Unreachable,
                "planted: connection to 10.1.2.3 refused",
            )),
        }
    }
    async fn retry(&self, _: u32, _: &PortError) -> bool {
        false
    }
}

/// Nobody else makes keys.
struct OneReplica;

#[async_trait]
impl KeyReloader for OneReplica {
    async fn reload(&self) -> bool {
        false
    }
}

/// Nobody was erased, and nobody is kept.
struct NoErasures;

#[async_trait]
impl ErasureReader for NoErasures {
    async fn alive(
        &self,
        _: &[(OrganizationId, UserId)],
    ) -> Result<Vec<(OrganizationId, UserId)>, PortError> {
        Ok(Vec::new())
    }
    async fn certificate_of(&self, _: OrganizationId, _: UserId) -> Result<Option<Certificate>, PortError> {
        Ok(None)
    }
    async fn certificates(&self, _: Option<EventId>, _: u32) -> Result<Vec<Certificate>, PortError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl PersonalData for NoErasures {
    async fn holdings(&self, _: OrganizationId, _: UserId, _: u32) -> Result<Holdings, PortError> {
        Ok(Holdings::default())
    }
}

#[async_trait]
impl Tombstones for NoErasures {
    async fn keep(&self, _: &[Tombstone]) {}
}

pub(crate) struct World {
    pub(crate) state: Arc<AppState>,
    pub(crate) store: MemoryStore,
    pub(crate) units: Behaviour,
}

/// With settings as `(path, value)`; rate limits are off unless they say otherwise.
pub(crate) async fn world(settings: &[(&str, &str)]) -> World {
    world_over(settings, Arc::new(MemoryCache::default())).await
}

pub(crate) async fn world_over(settings: &[(&str, &str)], cache: Arc<dyn Cache>) -> World {
    let mut flags = vec![("rate_limit.enabled".to_owned(), "false".to_owned())];
    for (path, value) in settings {
        flags.retain(|(known, _)| known != path);
        flags.push(((*path).to_owned(), (*value).to_owned()));
    }
    let loaded = load(&Sources {
        flags,
        ..Sources::default()
    })
    .unwrap();
    let store = MemoryStore::default();
    let identity = identity(&store);
    let units = Behaviour::default();
    let (keyring, wrapper) = keys().await;
    let keyring = Arc::new(keyring);
    let health = Arc::new(Health::new(Vec::new()));
    health.serve();
    let state = AppState {
        started_at: identity.ambient.now(),
        backlog: Arc::new(Backlog::spawn(
            Arc::clone(&identity.recorder),
            identity.ambient.clone(),
            100,
        )),
        throttled: Throttled::default(),
        uses: Uses::default(),
        key_uses: KeyUses::default(),
        identity,
        cache,
        counts_alone: std::sync::atomic::AtomicBool::default(),
        local_cache: Arc::default(),
        metrics: Arc::new(Metrics::new().unwrap()),
        config: Arc::new(loaded.config),
        health,
        keyring: Arc::clone(&keyring),
        units: Arc::new(units.clone()),
        key_reader: Arc::new(MemoryKeys::default()),
        key_jobs: JobPorts {
            reader: Arc::new(MemoryJobs::new(&[])),
            rows: Arc::new(MemoryJobs::new(&[])),
            leases: Arc::new(MemoryLog::unsealed()),
            settings: JobSettings::new(Duration::from_mins(1)),
        },
        log_reader: Arc::new(MemoryLog::unsealed()),
        retention: RetentionPorts {
            store: Arc::new(MemoryLog::unsealed()),
            settings: Arc::new(RetentionSettings {
                enabled: false,
                policy: Policy::documented(),
            }),
        },
        cosignatures: Arc::new(MemoryCosignatures::default()),
        witness_keys: Vec::new(),
        log_signer: Arc::new(log_signer(&keyring)),
        analysis: AnalysisPorts {
            units: Arc::new(MemoryAnalysis::new(MemoryLog::unsealed())),
            reader: Arc::new(MemoryAnalysis::new(MemoryLog::unsealed())),
            rules: Arc::new(RuleSet::built_in().unwrap()),
        },
        wrapper: Arc::new(wrapper),
        erasures: ErasurePorts {
            holdings: Arc::new(NoErasures),
            reader: Arc::new(NoErasures),
            tombstones: Arc::new(NoErasures),
        },
        reloader: Arc::new(OneReplica),
    };
    World {
        state: Arc::new(state),
        store,
        units,
    }
}

fn log_signer(keyring: &Arc<Keyring>) -> KeyringCheckpointSigner {
    let name = KeyName::parse("test.example/audit").unwrap();
    KeyringCheckpointSigner::new(Arc::clone(keyring), name)
}

fn identity(store: &MemoryStore) -> Identity {
    let settings = Settings {
        open_registration: true,
        verified_at_once: true,
        ..Settings::new("https://test.example", "test")
    };
    Identity {
        ceremonies: Arc::new(vutf_webauthn::WebAuthn),
        ..Identity::over_memory(store.clone(), Ambient::system(), settings)
    }
}

async fn keys() -> (Keyring, MemoryWrapper) {
    let mut entropy = OsEntropy;
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut entropy,
    };
    let wrapper = MemoryWrapper::new("test", Secret::new([7; 32])).unwrap();
    let wanted = [&AppState::purposes()[..], &[KeyringCheckpointSigner::purpose()]].concat();
    let records = plan_missing(&mut env, &wrapper, OrganizationId::DEFAULT, &[], &wanted)
        .await
        .unwrap();
    let keyring = Keyring::new();
    keyring.load(&wrapper, records).await.unwrap();
    (keyring, wrapper)
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
    /// The code of the problem document, once it was found to be a whole one.
    pub(crate) fn code(&self) -> String {
        let document = self.json();
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.status
        );
        assert_eq!(document["status"], self.status);
        for member in ["type", "title", "instance", "code", "request_id"] {
            assert!(document[member].is_string(), "{member} is missing: {document}");
        }
        assert_eq!(document["request_id"], self.header("x-request-id"));
        document["code"].as_str().unwrap().to_owned()
    }
}

impl World {
    /// Sends one request through the whole stack.
    pub(crate) async fn send(&self, request: TestRequest) -> Answer {
        let app = self.app().await;
        call(&app, request).await
    }
    pub(crate) async fn app(
        &self,
    ) -> impl Service<Request, Response = ServiceResponse<BoxBody>, Error = Error> + use<> {
        init_service(App::new().configure(http::configure(Arc::clone(&self.state)))).await
    }
    /// Makes `ada` the first administrator, and signs in.
    pub(crate) async fn admin(&self) -> String {
        let request_id = RequestId::parse("test").unwrap();
        let ctx = Ctx::internal(OrganizationId::DEFAULT, Actor::Operator, request_id);
        let command = CreateAdmin {
            username: Username::parse("ada").unwrap(),
            email: Email::parse("ada@example.org").unwrap(),
            password: Secret::new(PASSWORD.to_owned()),
        };
        create_admin(&ctx, &self.state.identity, command).await.unwrap();
        self.login("ada").await
    }
    /// An access token.
    pub(crate) async fn login(&self, name: &str) -> String {
        let body = json!({"username": name, "password": PASSWORD});
        let answer = self.send(post("/api/v1/auth/login", &body)).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }
    /// `(action, outcome, reason)` of every event.
    pub(crate) fn events(&self) -> Vec<(String, String, String)> {
        let events = self.store.events().into_iter();
        events
            .map(|event| {
                let reason = match &event.outcome {
                    vutf_kernel::Outcome::Success => String::new(),
                    vutf_kernel::Outcome::Refused { reason } | vutf_kernel::Outcome::Failed { reason } => {
                        reason.clone().into_owned()
                    }
                };
                (
                    event.action.into_owned(),
                    event.outcome.as_str().to_owned(),
                    reason,
                )
            })
            .collect()
    }
}

pub(crate) async fn call(
    app: &impl Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>,
    request: TestRequest,
) -> Answer {
    let response = app.call(request.to_request()).await.unwrap();
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = to_bytes(response.into_body()).await.unwrap().to_vec();
    Answer {
        status,
        headers,
        body,
    }
}

pub(crate) fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

pub(crate) fn post(path: &str, body: &Value) -> TestRequest {
    TestRequest::post().uri(path).set_json(body)
}

pub(crate) fn bearer(request: TestRequest, token: &str) -> TestRequest {
    request.insert_header(("authorization", format!("Bearer {token}")))
}
