//! Receivers of the audit log, as real as a test can have them: a TLS listener, and an HTTP server.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    web::{Bytes, Data, PayloadConfig, to},
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{io::AsyncReadExt as _, net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;
use vutf_audit::export::unframe;
use vutf_testkit::certificates::Certificates;

/// Takes syslog over TLS, and asks for a certificate that the authority has signed.
pub(super) struct SyslogServer {
    pub(super) port: u16,
    pub(super) messages: Arc<Mutex<Vec<String>>>,
    pub(super) connections: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl SyslogServer {
    pub(super) async fn start(certificates: &Certificates, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(tls(certificates)));
        let messages = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicU32::new(0));
        let (all, count) = (Arc::clone(&messages), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            // Dropped with the listener, so that a server that ends closes its connections.
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, all, count) = (acceptor.clone(), Arc::clone(&all), Arc::clone(&count));
                open.spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    count.fetch_add(1, Ordering::SeqCst);
                    let mut bytes = Vec::new();
                    while stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
                        while let Some((message, taken)) = unframe(&bytes).unwrap() {
                            let message = String::from_utf8(message.to_vec()).unwrap();
                            all.lock().unwrap().push(message);
                            bytes.drain(..taken);
                        }
                    }
                });
            }
        });
        Self {
            port,
            messages,
            connections,
            task,
        }
    }

    /// Ends it as a receiver that is restarted: what it has is kept by the test.
    pub(super) async fn stop(self) -> Vec<String> {
        self.task.abort();
        let _aborted = self.task.await;
        std::mem::take(&mut *self.messages.lock().unwrap())
    }
}

fn tls(certificates: &Certificates) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(certificates.path("authority.pem")).unwrap();
    roots.add(authority).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .unwrap();
    let chain = vec![CertificateDer::from_pem_file(certificates.path("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certificates.path("server.key")).unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .unwrap()
}

/// What an HTTP receiver does and has seen.
#[derive(Default)]
pub(super) struct Seen {
    /// Answered as long as it is not 0.
    pub(super) refuses_with: AtomicU16,
    /// Answers that a part was rejected.
    pub(super) rejects: AtomicBool,
    /// Requests that were refused or rejected.
    pub(super) refused: AtomicU32,
    /// Path, media type, authorization and body of each that was acknowledged.
    pub(super) bodies: Mutex<Vec<[String; 4]>>,
}

/// Takes bodies by HTTP.
pub(super) struct HttpReceiver {
    pub(super) port: u16,
    pub(super) seen: Data<Seen>,
    handle: ServerHandle,
}

impl HttpReceiver {
    pub(super) fn start() -> Self {
        let seen = Data::new(Seen::default());
        let state = seen.clone();
        let server = HttpServer::new(move || {
            let app = App::new().app_data(state.clone());
            app.app_data(PayloadConfig::new(32 << 20))
                .default_service(to(take))
        });
        let server = server
            .workers(1)
            .disable_signals()
            .bind(("127.0.0.1", 0))
            .unwrap();
        let port = server.addrs()[0].port();
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { port, seen, handle }
    }

    pub(super) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn take(request: HttpRequest, seen: Data<Seen>, body: Bytes) -> HttpResponse {
    let status = seen.refuses_with.load(Ordering::SeqCst);
    if status != 0 {
        seen.refused.fetch_add(1, Ordering::SeqCst);
        return HttpResponse::build(status.try_into().unwrap()).finish();
    }
    if seen.rejects.load(Ordering::SeqCst) {
        seen.refused.fetch_add(1, Ordering::SeqCst);
        let answer = r#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}"#;
        return HttpResponse::Ok().content_type("application/json").body(answer);
    }
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap()).to_owned()
    };
    seen.bodies.lock().unwrap().push([
        request.path().to_owned(),
        header("content-type"),
        header("authorization"),
        String::from_utf8(body.to_vec()).unwrap(),
    ]);
    HttpResponse::Ok().content_type("application/json").body("{}")
}
