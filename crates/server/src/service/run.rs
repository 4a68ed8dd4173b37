//! From an assembled service to open listeners, and to an orderly end.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use actix_web::dev::ServerHandle;
use tokio::task::JoinHandle;
use vutf_app::KeyringCheckpointSigner;

use super::{
    Service, StartError,
    alerts::{self, Courier},
    analysis::{self, Analyst},
    bootstrap::{self, Bootstrap},
    descriptors,
    export::{self, Exporters},
    gauges, housekeeping,
    jobs::{self, Worker},
    log_keys, lone_events, mail, people, probes,
    reload::Reload,
    retention,
    scheduler::{self, Scheduler},
    sequencer::{self, Sequencer},
    session_uses, settings,
    signals::Signals,
    tombstones, witnesses,
};
use crate::{
    config::{Config, Loaded},
    http::{
        self, AnalysisPorts, AppState, Bounds, ErasurePorts, Health, JobPorts, KeyUses, RetentionPorts,
        Throttled, Uses,
    },
    telemetry::Metrics,
};

/// Between "not ready" and the closing of the listener, so that a load balancer can turn away first.
const LAME_DUCK: Duration = Duration::from_millis(300);
/// How long an operation at the end of the process may take before it is given up.
const LAST_STEP: Duration = Duration::from_secs(5);

/// A service that accepts requests.
pub struct Running {
    /// What the handlers use.
    pub state: Arc<AppState>,
    /// Where the public listener is.
    pub public: SocketAddr,
    /// Where the operators' listener is.
    pub management: SocketAddr,
    /// The secret of the first administrator, while there is none.
    pub bootstrap: Option<Bootstrap>,
    service: Service,
    sequencer: Sequencer,
    gauges: JoinHandle<()>,
    housekeeping: JoinHandle<()>,
    retention: JoinHandle<()>,
    people: JoinHandle<()>,
    throttled: JoinHandle<()>,
    session_uses: JoinHandle<()>,
    tombstones: JoinHandle<()>,
    scheduler: Scheduler,
    jobs: Worker,
    witnesses: Option<witnesses::Worker>,
    exporters: Exporters,
    analyst: Analyst,
    courier: Courier,
    postman: Option<mail::Postman>,
    listeners: Vec<Listener>,
}

struct Listener {
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

/// Serves until a signal asks for the end. `announce` is called once, when requests are accepted.
pub async fn serve(
    loaded: Loaded,
    service: Service,
    announce: impl FnOnce(&Running),
) -> Result<(), StartError> {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let mut signals = Signals::listen().map_err(|error| StartError::Server(error.to_string()))?;
    let running = start(service).await?;
    announce(&running);
    tracing::info!(public = %running.public, management = %running.management, "ready");
    let name = signals.next().await;
    tracing::info!(
        signal = name,
        "stopping: no new requests, finishing those under way"
    );
    tokio::select! {
        () = running.stop() => {
            tracing::info!("stopped");
            Ok(())
        }
        name = signals.next() => {
            tracing::warn!(signal = name, "stopping at once");
            Err(StartError::Server("ended by a second signal".into()))
        }
    }
}

/// Opens the listeners. Readiness turns true when everything is there.
pub async fn start(service: Service) -> Result<Running, StartError> {
    let metrics = Arc::new(Metrics::new().map_err(|error| StartError::Server(error.to_string()))?);
    let erasures = tombstones::prepare(&service, &metrics).await?;
    let alert_sinks = alerts::sinks(&service.config)?;
    let mailer = mail::mailer(&service.config)?;
    let bootstrap = bootstrap::prepare(&service).await?;
    let observed = Arc::clone(&metrics);
    service
        .lone_events
        .group
        .observe(move |commit| observed.audit_group().observe(commit.events, commit.wait));
    let config = Arc::clone(&service.config);
    let signer = log_keys::signer(&service).await?;
    log_keys::note(&service, &signer);
    let submitter = witnesses::of(&service, Arc::clone(&metrics));
    let submitter = submitter.map_err(|error| StartError::Server(error.chain()))?;
    let sequencer = sequencer::spawn(&service, Arc::clone(&signer) as _);
    let known = submitter.as_ref().map(|witnesses| Arc::clone(witnesses.status()));
    let sinks = export::statuses(&config);
    let probes = probes::all(&service, Arc::clone(&sequencer.status), known, &sinks);
    let health = Arc::new(Health::new(probes));
    let state = Arc::new(state(&service, Arc::clone(&metrics), Arc::clone(&health), signer));
    let opened = open_both(&config, &state);
    let (public, management, listeners) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            sequencer.finish(LAST_STEP).await;
            return Err(error);
        }
    };
    let scheduler = scheduler::spawn(service.clone(), Arc::clone(&metrics));
    let jobs = jobs::spawn(service.clone(), Arc::clone(&metrics));
    let exporters = export::spawn(&service, &metrics, &sinks);
    let analyst = analysis::spawn(service.clone(), Arc::clone(&metrics), alerts::kinds(&alert_sinks));
    let courier = alerts::spawn(service.clone(), Arc::clone(&metrics), alert_sinks);
    let base = config.link_base(public);
    let postman = mailer.map(|mailer| mail::spawn(service.clone(), Arc::clone(&metrics), mailer, &base));
    let housekeeping = housekeeping::spawn(service.clone());
    let people = people::spawn(service.clone(), Arc::clone(&metrics));
    let retention = retention::spawn(
        service.clone(),
        Arc::clone(&metrics),
        Arc::clone(&sequencer.status),
    );
    let throttled = lone_events::watch_throttled(Arc::clone(&state));
    let session_uses = session_uses::spawn(Arc::clone(&state));
    let witnesses = submitter.map(|found| witnesses::spawn(found, config.audit.witness_interval));
    let tombstones = tombstones::spawn(service.clone(), Arc::clone(&metrics), erasures);
    let gauges = gauges::spawn(service.clone(), metrics, Arc::clone(&sequencer.status));
    health.serve();
    Ok(Running {
        state,
        public,
        management,
        bootstrap,
        service,
        sequencer,
        gauges,
        housekeeping,
        retention,
        people,
        throttled,
        session_uses,
        tombstones,
        scheduler,
        jobs,
        witnesses,
        exporters,
        analyst,
        courier,
        postman,
        listeners,
    })
}

impl Running {
    /// The orderly end: not ready at once, requests under way are finished, events are placed, pools are closed.
    pub async fn stop(self) {
        let grace = self.service.config.server.grace;
        self.state.health.drain();
        tokio::time::sleep(LAME_DUCK).await;
        for listener in self.listeners {
            listener.close(grace).await;
        }
        self.gauges.abort();
        self.housekeeping.abort();
        self.session_uses.abort();
        let uses = session_uses::write(&self.state);
        if tokio::time::timeout(LAST_STEP, uses).await.is_err() {
            tracing::warn!("the last uses of sessions were not noted in time");
        }
        self.people.abort();
        self.retention.abort();
        self.tombstones.abort();
        self.scheduler.finish(LAST_STEP).await;
        self.jobs.finish(LAST_STEP).await;
        if let Some(witnesses) = self.witnesses {
            witnesses.finish(LAST_STEP).await;
        }
        self.exporters.finish(LAST_STEP).await;
        self.courier.finish(LAST_STEP).await;
        if let Some(postman) = self.postman {
            postman.finish(LAST_STEP).await;
        }
        self.analyst.finish(LAST_STEP).await;
        // Before the sequencer, which places what this still commits.
        self.throttled.abort();
        let lone_events = Box::pin(async {
            lone_events::record_throttled(&self.state, true).await;
            self.service.lone_events.close().await;
        });
        if tokio::time::timeout(LAST_STEP, lone_events).await.is_err() {
            tracing::warn!("the last audit events were not committed in time; their callers got no answer");
        }
        self.sequencer.finish(LAST_STEP).await;
        if tokio::time::timeout(LAST_STEP, self.service.close())
            .await
            .is_err()
        {
            tracing::warn!("the database pool did not close in time");
        }
    }
}

impl Listener {
    async fn close(self, grace: Duration) {
        let patience = grace + Duration::from_secs(1);
        let stopped = async {
            self.handle.stop(true).await;
            self.task.await
        };
        match tokio::time::timeout(patience, stopped).await {
            Ok(Ok(Ok(()))) => {}
            Ok(other) => tracing::warn!(?other, "a listener did not end well"),
            Err(_) => tracing::warn!("requests were still under way after the grace period"),
        }
    }
}

fn state(
    service: &Service,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    signer: Arc<KeyringCheckpointSigner>,
) -> AppState {
    AppState {
        identity: service.identity.clone(),
        cache: Arc::clone(&service.cache),
        counts_alone: std::sync::atomic::AtomicBool::default(),
        local_cache: Arc::default(),
        metrics,
        config: Arc::clone(&service.config),
        health,
        keyring: Arc::clone(&service.keyring),
        units: Arc::new(service.store.clone()),
        key_reader: Arc::new(service.store.clone()),
        key_jobs: JobPorts {
            reader: Arc::new(service.store.clone()),
            rows: Arc::new(service.store.clone()),
            leases: Arc::new(service.store.clone()),
            settings: settings::jobs(&service.config),
        },
        log_reader: Arc::new(service.store.clone()),
        retention: RetentionPorts {
            store: Arc::new(service.store.clone()),
            settings: Arc::clone(&service.retention),
        },
        cosignatures: Arc::new(service.store.clone()),
        witness_keys: service.witness_keys(),
        log_signer: signer,
        analysis: AnalysisPorts {
            units: Arc::new(service.store.clone()),
            reader: Arc::new(service.store.clone()),
            rules: Arc::clone(&service.rules),
        },
        wrapper: Arc::clone(&service.wrapper),
        erasures: ErasurePorts {
            holdings: Arc::new(service.store.clone()),
            reader: Arc::new(service.store.clone()),
            tombstones: Arc::clone(&service.tombstones) as _,
        },
        reloader: Arc::new(Reload::new(service)),
        backlog: Arc::clone(&service.lone_events.backlog),
        throttled: Throttled::default(),
        uses: Uses::default(),
        key_uses: KeyUses::default(),
        started_at: service.ambient.now(),
    }
}

type Opened = (SocketAddr, SocketAddr, Vec<Listener>);

fn open_both(config: &Config, state: &Arc<AppState>) -> Result<Opened, StartError> {
    let (public, management) = (&config.server, &config.management);
    let public = bind(public.host, public.port, "VUTF__SERVER__PORT")?;
    let management = bind(management.host, management.port, "VUTF__MANAGEMENT__PORT")?;
    let addresses = (address(&public)?, address(&management)?);
    let bounds = Bounds {
        workers: config.worker_threads(),
        connections: descriptors::connections(config, descriptors::raise()),
        header_timeout: config.server.header_timeout,
        keep_alive: config.server.keep_alive,
        grace: config.server.grace,
    };
    let for_operators = Bounds {
        workers: 1,
        connections: descriptors::MANAGEMENT,
        grace: Duration::from_secs(1),
        ..bounds
    };
    let failed = |error: std::io::Error| StartError::Server(error.to_string());
    let server = http::listen(public, bounds, state, http::configure).map_err(failed)?;
    let operators = http::listen(management, for_operators, state, http::management).map_err(failed)?;
    let listeners = [server, operators].map(|server| Listener {
        handle: server.handle(),
        task: tokio::spawn(server),
    });
    Ok((addresses.0, addresses.1, listeners.into()))
}

fn bind(host: IpAddr, port: u16, setting: &'static str) -> Result<std::net::TcpListener, StartError> {
    let wanted = SocketAddr::new(host, port);
    let bound =
        std::net::TcpListener::bind(wanted).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    bound.map_err(|error| StartError::Listen {
        address: wanted.to_string(),
        problem: error.to_string(),
        setting,
    })
}

fn address(socket: &std::net::TcpListener) -> Result<SocketAddr, StartError> {
    socket
        .local_addr()
        .map_err(|error| StartError::Server(error.to_string()))
}
