//! The protocol on a listener of its own. Put a proxy with TLS in front of it; requests need no authentication beside the log's
//! signature.

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::Server,
    http::{StatusCode, header},
    web,
};
use futures_util::StreamExt as _;
use serde_json::json;
use vutf_audit::tlog::{
    Cosigner, KeyName,
    witness::{Cosigned, KnownLogs, MAX_REQUEST, Refusal, Witness, WitnessError, WitnessStore as _},
};
use vutf_kernel::Ambient;

use super::{
    FileWitness,
    directory::{is_origin_hash, origin_hash},
};

/// The two routes are cheap: threads are for the disk.
const WORKERS: usize = 2;
/// How long a client may take to send its request's head, and its body.
const PATIENCE: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A witness behind a listener.
pub(crate) struct Site {
    pub(crate) logs: KnownLogs,
    pub(crate) signer: Cosigner,
    pub(crate) store: FileWitness,
    pub(crate) ambient: Ambient,
}

/// How the listener treats its connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections at once.
    pub(crate) connections: usize,
    /// How long a stop waits for requests under way.
    pub(crate) grace: Duration,
}

/// Serves the witness on `socket`. Poll the server, or nothing happens; stop it through its handle.
pub(crate) fn serve(socket: TcpListener, bounds: Bounds, site: Arc<Site>) -> io::Result<Server> {
    let site = web::Data::from(site);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(site.clone())
            .route("/add-checkpoint", web::post().to(add_checkpoint))
            .route("/{origin}/checkpoint", web::get().to(checkpoint))
            .route("/health/ready", web::get().to(ready))
            .default_service(web::to(unknown))
    });
    let server = server
        .workers(WORKERS)
        .max_connections(bounds.connections.div_ceil(WORKERS))
        .client_request_timeout(PATIENCE)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(bounds.grace.as_secs())
        .disable_signals();
    Ok(server.listen(socket)?.run())
}

/// `POST <prefix>/add-checkpoint`.
async fn add_checkpoint(site: web::Data<Site>, body: web::Payload) -> HttpResponse {
    let body = match tokio::time::timeout(PATIENCE, read(body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(status)) => {
            return problem(
                status,
                "send the old size, the proof and the checkpoint, 128 KiB at most",
            );
        }
        Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "send the whole request at once"),
    };
    let witness = Witness {
        logs: &site.logs,
        signer: &site.signer,
        store: &site.store,
        clock: site.ambient.clock(),
    };
    match witness.add_checkpoint(&body).await {
        Ok(cosigned) => text("text/plain; charset=utf-8", cosignature(&cosigned, &site.signer)),
        Err(WitnessError::Refused(refusal)) => refused(&refusal),
        Err(WitnessError::Port(error)) => {
            tracing::error!(error = %error.chain(), "a checkpoint could not be remembered, and was not cosigned");
            problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the witness cannot remember what it would cosign",
            )
        }
    }
}

/// `GET <prefix>/<origin hash>/checkpoint`.
async fn checkpoint(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    let none = || {
        problem(
            StatusCode::NOT_FOUND,
            "this witness has cosigned no checkpoint of that log",
        )
    };
    let wanted = path.into_inner();
    let of_hash = |origin: &&KeyName| is_origin_hash(&wanted) && origin_hash(origin) == wanted;
    let Some(origin) = site.logs.origins().find(of_hash) else {
        return none();
    };
    match site.store.last(origin).await {
        Ok(Some(last)) => text("text/plain; charset=utf-8", last.note().to_string()),
        Ok(None) => none(),
        Err(error) => {
            tracing::error!(error = %error.chain(), "what was cosigned cannot be read");
            problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the witness cannot read what it has cosigned",
            )
        }
    }
}

async fn ready() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ready"}))
}

async fn unknown() -> HttpResponse {
    problem(
        StatusCode::NOT_FOUND,
        "a witness has POST /add-checkpoint and GET /<origin hash>/checkpoint",
    )
}

async fn read(mut body: web::Payload) -> Result<Vec<u8>, StatusCode> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk.map_err(|_| StatusCode::BAD_REQUEST)?);
        if bytes.len() > MAX_REQUEST {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
    }
    Ok(bytes)
}

/// The line of this witness; the log's own are not repeated.
fn cosignature(cosigned: &Cosigned, signer: &Cosigner) -> String {
    let mut signatures = cosigned.note().signatures().iter();
    let own = signatures.find(|signature| signature.claims(signer.key()));
    own.map_or_else(String::new, vutf_audit::tlog::NoteSignature::line)
}

fn refused(refusal: &Refusal) -> HttpResponse {
    if let Refusal::Conflict { size } = refusal {
        // The one refusal whose body the specification writes.
        let mut answer = text("text/x.tlog.size", format!("{size}\n"));
        *answer.status_mut() = StatusCode::CONFLICT;
        return answer;
    }
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    problem(status, &refusal.to_string())
}

fn text(content_type: &'static str, body: String) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, content_type))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(body)
}

/// RFC 9457, without a type of its own: the status says it all.
fn problem(status: StatusCode, detail: &str) -> HttpResponse {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
    let mut answer = text("application/problem+json", body.to_string());
    *answer.status_mut() = status;
    answer
}
