//! A socket with the service behind it.

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use actix_http::{HttpService, Protocol};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::{
    App,
    dev::{AppConfig, Server},
    web,
};
use tokio::net::TcpStream;

use super::{state::AppState, unparsed::Documented};

/// How a listener treats its connections.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Threads that serve it.
    pub workers: usize,
    /// Connections at once, for each thread.
    pub connections: usize,
    /// How long a client may take to send a request head.
    pub header_timeout: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long a stop waits for requests under way.
    pub grace: Duration,
}

/// Serves `configure` on `socket`. Poll the server, or nothing happens; stop it through its handle.
pub fn listen<C>(
    socket: TcpListener,
    bounds: Bounds,
    state: &Arc<AppState>,
    configure: fn(Arc<AppState>) -> C,
) -> io::Result<Server>
where
    C: FnOnce(&mut web::ServiceConfig) + 'static,
{
    let address = socket.local_addr()?;
    let builder = Server::build()
        .workers(bounds.workers)
        .max_concurrent_connections(bounds.connections)
        .shutdown_timeout(bounds.grace.as_secs())
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let state = Arc::clone(state);
    let builder = builder.listen("http", socket, move || {
        let app = App::new().configure(configure(Arc::clone(&state))).into_factory();
        let (stopping, state) = (stopping.clone(), Arc::clone(&state));
        let service = HttpService::build()
            .keep_alive(bounds.keep_alive)
            .client_request_timeout(bounds.header_timeout)
            .local_addr(address)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .finish(map_config(app, |()| AppConfig::default()));
        let connect = move |stream: TcpStream| {
            let state = Arc::clone(&state);
            async move {
                let peer = stream.peer_addr().ok();
                // An answer is small and complete: waiting for more to send with it only delays it.
                let _best_effort = stream.set_nodelay(true);
                Ok((Documented::new(stream, state), Protocol::Http1, peer))
            }
        };
        fn_service(connect).and_then(service)
    })?;
    Ok(builder.run())
}
