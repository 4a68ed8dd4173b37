//! The service with two more handlers on a listener of their own: one that answers what `GET /api/v1/me` answers and does nothing
//! else, and one that looks at the access token first. `cargo xtask bench identity` starts it like the service and asks all of them
//! in the same run, so that what authentication and the read's event cost is a ratio within one process.
//!
//! `requests hashes MILLISECONDS` prints instead how many passwords a second all cores hash with the default parameters.
#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends")]

use std::{
    io::Write as _,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;
use vutf_identity::{
    password::{Argon2Params, Argon2Scheme},
    session::authenticate,
};
use vutf_kernel::{Ambient, Secret};
use vutf_server::{
    config::{Sources, load},
    http::{self, AppState, Bounds},
    service::{self, Running, Schema, Service},
    telemetry,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("hashes") {
        let length = arguments.next().unwrap().parse().unwrap();
        hashes(Duration::from_millis(length));
        return;
    }
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let loaded = load(&Sources::from_process(None, Vec::new())).unwrap();
        let telemetry = telemetry::init(&loaded.config).unwrap();
        let config = Arc::new(loaded.config.clone());
        let service = Service::assemble(config, Ambient::system(), Schema::Migrate)
            .await
            .unwrap();
        service::serve(loaded, service, announce).await.unwrap();
        telemetry.shutdown().await;
    });
    runtime.shutdown_background();
}

fn hashes(length: Duration) {
    let cores = thread::available_parallelism().unwrap().get();
    let scheme = Argon2Scheme::new(Argon2Params::default(), cores);
    let (count, began) = (AtomicU32::new(0), Instant::now());
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                let password = Secret::new("seven quiet lanterns over the harbour".to_owned());
                while began.elapsed() < length {
                    scheme.hash(&password, [7; 16]).unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let rate = f64::from(count.into_inner()) / began.elapsed().as_secs_f64();
    // Whoever started this misses the number.
    let _closed = writeln!(std::io::stdout(), "{rate}");
}

/// As the service does, and where the other handlers are, in a file of the data directory.
fn announce(running: &Running) {
    let config = &running.state.config;
    let socket = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let port = socket.local_addr().unwrap().port();
    let bounds = Bounds {
        workers: config.worker_threads(),
        connections: 1_000,
        header_timeout: config.server.header_timeout,
        keep_alive: config.server.keep_alive,
        grace: Duration::from_secs(1),
    };
    let server = http::listen(socket, bounds, &running.state, beside).unwrap();
    tokio::spawn(server);
    std::fs::write(config.data_dir.join("beside-port"), port.to_string()).unwrap();
    let file = running.bootstrap.as_ref().map(|bootstrap| &bootstrap.path);
    let line = json!({
        "public": format!("http://{}", running.public),
        "management": format!("http://{}", running.management),
        "bootstrap_token_file": file,
    });
    let mut out = std::io::stdout();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

fn beside(state: Arc<AppState>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(web::Data::from(state))
            .route("/bare", web::get().to(bare))
            .route("/verified", web::get().to(verified));
    }
}

/// No authentication, no event, no bounds.
async fn bare() -> HttpResponse {
    HttpResponse::Ok().json(Body::of(Uuid::nil()))
}

/// The signature, the claims and the session's state, as for every request; no event, no limits.
async fn verified(state: web::Data<AppState>, request: HttpRequest) -> HttpResponse {
    let value = request.headers().get(header::AUTHORIZATION);
    let token = value
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("Bearer "));
    let Some(token) = token else {
        return HttpResponse::Unauthorized().finish();
    };
    match authenticate(&state.identity, token).await {
        Ok(caller) => {
            let user = caller.actor.user_id().map_or(Uuid::nil(), |id| id.as_uuid());
            HttpResponse::Ok().json(Body::of(user))
        }
        Err(_) => HttpResponse::Unauthorized().finish(),
    }
}

/// What `GET /api/v1/me` answers, field for field.
#[derive(Serialize)]
struct Body {
    id: Uuid,
    kind: &'static str,
    username: String,
    email: String,
    email_verified: bool,
    display_name: Option<String>,
    phone: Option<String>,
    status: &'static str,
    roles: Vec<String>,
    last_login_at: Option<String>,
    previous_login_at: Option<String>,
    failed_attempts: u32,
    created_at: String,
    updated_at: String,
    version: i64,
}

impl Body {
    fn of(id: Uuid) -> Self {
        let time = || "2026-01-01T00:00:00.000000Z".to_owned();
        Self {
            id,
            kind: "person",
            username: "ada".to_owned(),
            email: "ada@example.org".to_owned(),
            email_verified: true,
            display_name: None,
            phone: None,
            status: "active",
            roles: vec!["super_admin".to_owned(), "user".to_owned()],
            last_login_at: Some(time()),
            previous_login_at: None,
            failed_attempts: 0,
            created_at: time(),
            updated_at: time(),
            version: 1,
        }
    }
}
