//! Wiring: from a checked configuration to a running service, and back to nothing.
//!
//! The order is fixed: known answers of the ciphers, data directory, key provider, database (with patience), migrations (under a
//! lock), cache, keys and a round trip through each. Whatever fails ends the start with one line that says how to mend it; readiness turns true last.

mod alerts;
mod analysis;
mod audit_head;
mod bootstrap;
mod breaches;
mod cache;
mod checks;
mod data_dir;
mod descriptors;
mod error;
mod export;
mod gauges;
mod hashing;
mod head_keeper;
mod housekeeping;
mod jobs;
mod kek;
mod log_keys;
mod lone_events;
mod mail;
mod people;
mod probes;
mod reload;
mod retention;
mod run;
mod scheduler;
mod sequencer;
mod sequencer_status;
mod session_uses;
mod settings;
mod signals;
mod tombstones;
mod witnesses;

use std::sync::Arc;

use vutf_app::{
    KeyringHash, KeyringSigner,
    approvals::Approvals,
    erasure::Erasure,
    jobs::Jobs,
    keys::{Keys, KeysError},
};
use vutf_audit::{
    analysis::RuleSet,
    retention::{Retention, RetentionSettings},
    tlog::VerifierKey,
};
use vutf_crypto_keys::{KeyReader, KeyWrapper, Keyring, LoadError, Purpose, self_test::known_answers};
use vutf_identity::Identity;
use vutf_kernel::{Actor, Ambient, Cache, Ctx, EventId, OrganizationId, RequestId};
use vutf_store_seaorm::{Looks, SeaStore, StoreOptions, key_purposes};

pub(crate) use self::{
    analysis::rules as analysis_rules,
    audit_head::open as open_heads,
    cache::connect as connect_cache,
    checks::all as compliance_checks,
    data_dir::{create_private, prepare as prepare_data_dir, replace_private, sync_directory_of},
    jobs::Worker,
    kek::{configured_id, files_needed, open as open_kek, protection as kek_protection},
    log_keys::noted as noted_vkeys,
    signals::Signals,
};
pub use self::{
    error::StartError,
    lone_events::LoneEvents,
    run::{Running, serve, start},
    sequencer_status::SequencerStatus,
    tombstones::{ReplayError, TombstoneError, TombstoneFile},
    witnesses::{HttpWitness, Target, WitnessPorts, WitnessState, WitnessStatus, Witnesses},
};
use crate::{config::Config, http::AppState, telemetry::Metrics};

/// Everything but the listeners: what `serve` and the commands of the command line work with.
#[derive(Clone)]
pub struct Service {
    /// Settings.
    pub config: Arc<Config>,
    /// Time and randomness.
    pub ambient: Ambient,
    /// The database.
    pub store: SeaStore,
    /// The cache.
    pub cache: Arc<dyn Cache>,
    /// The key-encryption key.
    pub wrapper: Arc<dyn KeyWrapper>,
    /// Loaded keys.
    pub keyring: Arc<Keyring>,
    /// Users, sessions, tokens.
    pub identity: Identity,
    /// Writes lone audit events.
    pub lone_events: Arc<LoneEvents>,
    /// Who was erased, outside the database.
    pub tombstones: Arc<TombstoneFile>,
    /// The rules of the analysis of the audit log.
    pub rules: Arc<RuleSet>,
    /// How long events are kept.
    pub retention: Arc<RetentionSettings>,
    hasher: Arc<hashing::BoundedHasher>,
}

/// Whether the start may change the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Apply what is missing.
    Migrate,
    /// Refuse to work with a schema that is not up to date.
    Require,
}

impl Service {
    /// Brings everything up but the listeners.
    pub async fn assemble(config: Arc<Config>, ambient: Ambient, schema: Schema) -> Result<Self, StartError> {
        // Before any key is made, opened or used.
        known_answers().map_err(StartError::SelfTest)?;
        let rules = analysis::rules(&config).map_err(StartError::Server)?;
        data_dir::prepare(&config.data_dir)?;
        kek::sweep(&config, &ambient);
        let known = kek::open_if_there(&config, &ambient).await?;
        let keyring = Keyring::with_policy(config.keys.suites.policy())
            .with_limits(settings::key_limits(&config), ambient.shared_clock());
        let keyring = Arc::new(keyring);
        let store = connect(&config, Arc::clone(&keyring), ambient.clone()).await?;
        bring_schema(&store, schema).await?;
        let wrapper = match known {
            Some(wrapper) => wrapper,
            None => kek::open_or_make(&config, &ambient, &store).await?,
        };
        let cache = cache::connect(&config).await?;
        let hasher = hashing::hasher(&config)?;
        let lone_events = Arc::new(LoneEvents::spawn(&store, &ambient, &config.audit));
        let identity = Identity {
            store: Arc::new(store.clone()),
            looks: Arc::new(Looks::new(store.clone(), Arc::clone(&lone_events.recorder))),
            recorder: Arc::clone(&lone_events.recorder),
            hasher: Arc::clone(&hasher) as Arc<dyn vutf_identity::password::PasswordHasher>,
            signer: Arc::new(KeyringSigner::new(Arc::clone(&keyring), OrganizationId::DEFAULT)),
            tokens: Arc::default(),
            sessions: Arc::new(vutf_identity::session::status::MokaSessionCache::default()),
            policies: Arc::default(),
            custom_roles: Arc::default(),
            names: Arc::new(KeyringHash::names(Arc::clone(&keyring))),
            devices: Arc::new(KeyringHash::devices(Arc::clone(&keyring))),
            ceremonies: Arc::new(vutf_webauthn::WebAuthn),
            ambient: ambient.clone(),
            settings: Arc::new(settings::identity(&config)?),
        };
        let tombstones = Arc::new(TombstoneFile::new(
            config.tombstones_file(),
            config.erasure.tombstones_limit.0,
            Arc::clone(&wrapper),
            ambient.clone(),
        ));
        let retention =
            settings::retention(&config).map_err(|error| StartError::Server(error.to_string()))?;
        let service = Self {
            retention: Arc::new(retention),
            config,
            ambient,
            store,
            cache,
            wrapper,
            keyring,
            identity,
            lone_events,
            tombstones,
            rules,
            hasher,
        };
        service.expect_tombstones().await?;
        service.bring_keys().await?;
        Ok(service)
    }

    /// The handles that the key use cases take.
    pub fn keys(&self) -> Keys<'_> {
        Keys {
            units: &self.store,
            reader: &self.store,
            wrapper: &*self.wrapper,
            keyring: &self.keyring,
            ambient: &self.ambient,
            settle: self.config.keys.reload_interval * 2,
        }
    }

    /// The handles that the use cases of two persons take.
    pub fn approvals(&self) -> Approvals<'_> {
        Approvals {
            units: &self.store,
            reader: &self.store,
            keyring: &self.keyring,
            identity: &self.identity,
            rules: &self.rules,
            ambient: &self.ambient,
        }
    }

    /// The handles that the use cases of jobs over keys take.
    pub fn jobs(&self) -> Jobs<'_> {
        Jobs {
            keys: self.keys(),
            reader: &self.store,
            rows: &self.store,
            leases: &self.store,
            settings: settings::jobs(&self.config),
        }
    }

    /// The handles that the use cases of retention take.
    pub fn retention(&self) -> Retention<'_> {
        Retention {
            store: &self.store,
            reader: &self.store,
            recorder: &*self.lone_events.recorder,
            ambient: &self.ambient,
            settings: &self.retention,
        }
    }

    /// The handles that the use cases of erasures take.
    pub fn erasure(&self) -> Erasure<'_> {
        Erasure {
            units: &self.store,
            identity: &self.identity,
            keyring: &self.keyring,
            reader: &self.store,
            tombstones: &*self.tombstones,
        }
    }

    /// Works on jobs over keys, as a service that runs does.
    pub(crate) fn work_on_jobs(&self) -> Result<Worker, StartError> {
        let metrics = Metrics::new().map_err(|error| StartError::Server(error.to_string()))?;
        Ok(jobs::spawn(self.clone(), Arc::new(metrics)))
    }

    /// The context of something that the service or an operator does by itself.
    pub fn internal(&self, actor: Actor) -> Ctx {
        let id = EventId::generate(self.ambient.clock(), &mut *self.ambient.entropy());
        Ctx::internal(OrganizationId::DEFAULT, actor, RequestId::from_uuid(id.as_uuid()))
    }

    /// The keys of the witnesses that the configuration names.
    pub fn witness_keys(&self) -> Vec<VerifierKey> {
        self.config
            .audit
            .witnesses
            .iter()
            .map(|witness| witness.key.clone())
            .collect()
    }

    /// Closes the pools. Nothing may be under way.
    pub async fn close(&self) {
        self.lone_events.close().await;
        self.store.close().await;
    }

    /// Before keys are made: an empty registry is a new installation's, which has no file of tombstones yet.
    async fn expect_tombstones(&self) -> Result<(), StartError> {
        let registry = KeyReader::list(&self.store, None).await;
        let registry = registry.map_err(|error| StartError::Keys(error.into()))?;
        self.tombstones.expect(!registry.is_empty());
        Ok(())
    }

    async fn bring_keys(&self) -> Result<(), StartError> {
        let wanted: Vec<Purpose> = key_purposes()
            .into_iter()
            .chain([Purpose::TokenSigning, Purpose::CheckpointSigning])
            .chain(KeyringHash::purposes())
            .chain(AppState::purposes())
            .collect();
        let ctx = self.internal(Actor::System { job: "start".into() });
        let report = self
            .keys()
            .ensure(&ctx, &wanted, &self.store)
            .await
            .map_err(|error| match error {
                KeysError::Lost { .. }
                | KeysError::RolledBack { .. }
                | KeysError::KeysetRolledBack { .. }
                | KeysError::UsageRolledBack { .. } => StartError::KeyLost(error),
                KeysError::Load(LoadError::SuiteNotAdmitted { .. } | LoadError::PersonNotAdmitted { .. }) => {
                    StartError::Suites(error)
                }
                other => StartError::Keys(other),
            })?;
        tracing::debug!(?report, "keys loaded");
        self.keyring.self_test().map_err(StartError::SelfTest)?;
        self.store.set_key_reloader(Arc::new(reload::Reload::new(self)));
        Ok(())
    }
}

/// A store and nothing else, for commands that must work without keys, such as `migrate status`.
pub async fn connect(
    config: &Config,
    keyring: Arc<Keyring>,
    ambient: Ambient,
) -> Result<SeaStore, StartError> {
    let options = StoreOptions {
        url: config.database_url(),
        max_connections: config.database.max_connections,
        acquire_timeout: config.database.acquire_timeout,
        connect_deadline: config.database.connect_deadline,
        statement_timeout: config.database.statement_timeout,
        breaker: config.breaker_options(),
    };
    SeaStore::connect(&options, keyring, ambient)
        .await
        .map_err(StartError::Database)
}

pub(crate) async fn bring_schema(store: &SeaStore, schema: Schema) -> Result<(), StartError> {
    match schema {
        Schema::Migrate => {
            let applied = store.migrate_up().await.map_err(StartError::Schema)?;
            if !applied.is_empty() {
                tracing::info!(migrations = applied.len(), "schema migrated");
            }
            Ok(())
        }
        Schema::Require => {
            store.refuse_newer().await.map_err(StartError::Schema)?;
            let status = store
                .migration_status()
                .await
                .map_err(|error| StartError::Schema(error.into()))?;
            if status.iter().all(|line| line.applied) {
                Ok(())
            } else {
                Err(StartError::SchemaBehind)
            }
        }
    }
}
