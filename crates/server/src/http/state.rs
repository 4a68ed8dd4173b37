//! What every handler may use. The wiring fills it once, at the start.

use std::sync::{Arc, atomic::AtomicBool};

use vutf_app::{
    KeyReloader, UnitOfWork,
    approvals::Approvals,
    crypto::Crypto,
    erasure::{Erasure, ErasureReader, Tombstones},
    export::{Export, PersonalData},
    jobs::{JobSettings, Jobs},
    keys::Keys,
};
use vutf_audit::{
    Access, CheckpointSigner, LogReader, Under, Witnesses,
    analysis::{Analysis, AnalysisReader, AnalysisUnit, RuleSet},
    retention::{Retention, RetentionSettings, RetentionStore},
    tlog::{VerifierKey, publish::Cosignatures},
};
use vutf_crypto_keys::{
    KeyReader, KeyWrapper, Keyring, Purpose,
    job::{JobReader, SealedRows},
};
use vutf_identity::Identity;
use vutf_kernel::{Cache, Leases, MemoryCache, Timestamp, Units};
use vutf_store_seaorm::Backlog;

use super::{
    csrf, health::Health, key_uses::KeyUses, rate, reference, request, throttled::Throttled, uses::Uses,
};
use crate::{config::Config, telemetry::Metrics};

/// The service as the HTTP layer sees it.
pub struct AppState {
    /// Users, sessions, tokens.
    pub identity: Identity,
    /// Shared short-lived state; rate limits live there.
    pub cache: Arc<dyn Cache>,
    /// Whether rate limits are counted in this process alone at present.
    pub counts_alone: AtomicBool,
    /// Takes over rate limits of this process while `cache` cannot be reached.
    pub local_cache: Arc<MemoryCache>,
    /// Counters and histograms.
    pub metrics: Arc<Metrics>,
    /// Settings.
    pub config: Arc<Config>,
    /// Probes and the phase of the process.
    pub health: Arc<Health>,
    /// Keys in use.
    pub keyring: Arc<Keyring>,
    /// Transactions over all domains.
    pub units: Arc<dyn Units<dyn UnitOfWork>>,
    /// The key registry, for reading.
    pub key_reader: Arc<dyn KeyReader>,
    /// Jobs over what keys protect.
    pub key_jobs: JobPorts,
    /// The audit log, for reading.
    pub log_reader: Arc<dyn LogReader>,
    /// Runs and holds over the audit log.
    pub retention: RetentionPorts,
    /// What witnesses cosigned.
    pub cosignatures: Arc<dyn Cosignatures>,
    /// The keys of the witnesses that the configuration names.
    pub witness_keys: Vec<VerifierKey>,
    /// Signs the log's checkpoints; here for its public keys.
    pub log_signer: Arc<dyn CheckpointSigner>,
    /// Findings and rules.
    pub analysis: AnalysisPorts,
    /// The key-encryption key.
    pub wrapper: Arc<dyn KeyWrapper>,
    /// Erasures beside their transactions.
    pub erasures: ErasurePorts,
    /// Loads keys that another replica made.
    pub reloader: Arc<dyn KeyReloader>,
    /// Keeps the events of refusals that could not be recorded.
    pub backlog: Arc<Backlog>,
    /// What was refused of late because it came too often.
    pub throttled: Throttled,
    /// Uses of sessions that wait to be written.
    pub uses: Uses,
    /// Notes when API keys are used.
    pub key_uses: KeyUses,
    /// When the process became ready to serve.
    pub started_at: Timestamp,
}

/// What the use cases of key jobs need beside the keys.
pub struct JobPorts {
    /// Reads jobs.
    pub reader: Arc<dyn JobReader>,
    /// Reads ciphertexts.
    pub rows: Arc<dyn SealedRows>,
    /// Which replica works on which job.
    pub leases: Arc<dyn Leases>,
    /// Numbers.
    pub settings: JobSettings,
}

/// What the use cases of findings and rules need.
pub struct AnalysisPorts {
    /// Transactions.
    pub units: Arc<dyn Units<dyn AnalysisUnit>>,
    /// Reads findings and decisions.
    pub reader: Arc<dyn AnalysisReader>,
    /// The rules.
    pub rules: Arc<RuleSet>,
}

/// What the use cases of erasures need beside transactions.
pub struct ErasurePorts {
    /// Reads certificates.
    pub reader: Arc<dyn ErasureReader>,
    /// Reads all that is held about a person.
    pub holdings: Arc<dyn PersonalData>,
    /// Keeps tombstones outside the database.
    pub tombstones: Arc<dyn Tombstones>,
}

/// What the use cases of retention need.
pub struct RetentionPorts {
    /// Runs, holds and entries.
    pub store: Arc<dyn RetentionStore>,
    /// How long what is kept.
    pub settings: Arc<RetentionSettings>,
}

impl AppState {
    /// Keys that this layer needs besides those of the domains.
    pub fn purposes() -> [Purpose; 5] {
        [
            Purpose::mac(request::CURSOR_KEY),
            Purpose::mac(csrf::KEY),
            Purpose::mac(rate::KEY),
            Purpose::mac(reference::KEY),
            Crypto::purpose(),
        ]
    }

    /// The handles that the use cases of the audit log take.
    pub fn log(&self) -> Access<'_> {
        Access {
            reader: &*self.log_reader,
            recorder: &self.identity,
            ambient: &self.identity.ambient,
        }
    }

    /// The handles that the use cases of findings and rules take.
    pub fn analysis(&self) -> Analysis<'_> {
        Analysis {
            units: &*self.analysis.units,
            reader: &*self.analysis.reader,
            recorder: &self.identity,
            rules: &self.analysis.rules,
            ambient: &self.identity.ambient,
        }
    }
    /// The handles that the use cases of retention take.
    pub fn retention(&self) -> Retention<'_> {
        Retention {
            store: &*self.retention.store,
            reader: &*self.log_reader,
            recorder: &self.identity,
            ambient: &self.identity.ambient,
            settings: &self.retention.settings,
        }
    }

    /// Under which checkpoint something is shown.
    pub fn under(&self, witnessed: Option<bool>) -> Under<'_> {
        match witnessed {
            Some(true) => Under::Witnessed(Witnesses {
                kept: &*self.cosignatures,
                keys: &self.witness_keys,
                quorum: self.config.audit.witness_quorum.into(),
            }),
            _ => Under::Newest,
        }
    }

    /// The handles that the use cases of named keys take.
    pub fn crypto(&self) -> Crypto<'_> {
        Crypto {
            keyring: &self.keyring,
            reloader: &*self.reloader,
            recorder: &self.identity,
            ambient: &self.identity.ambient,
        }
    }

    /// The handles that the key use cases take.
    pub fn keys(&self) -> Keys<'_> {
        Keys {
            units: &*self.units,
            reader: &*self.key_reader,
            wrapper: &*self.wrapper,
            keyring: &self.keyring,
            ambient: &self.identity.ambient,
            settle: self.config.keys.reload_interval * 2,
        }
    }
    /// The handles that the use cases of two persons take.
    pub fn approvals(&self) -> Approvals<'_> {
        Approvals {
            units: &*self.units,
            reader: &*self.key_reader,
            keyring: &self.keyring,
            identity: &self.identity,
            rules: &self.analysis.rules,
            ambient: &self.identity.ambient,
        }
    }
    /// The handles that the use cases of erasures take.
    pub fn erasure(&self) -> Erasure<'_> {
        Erasure {
            units: &*self.units,
            identity: &self.identity,
            keyring: &self.keyring,
            reader: &*self.erasures.reader,
            tombstones: &*self.erasures.tombstones,
        }
    }
    /// The handles that an export takes.
    pub fn export(&self) -> Export<'_> {
        Export {
            identity: &self.identity,
            holdings: &*self.erasures.holdings,
            log: &*self.log_reader,
            signer: &*self.log_signer,
        }
    }
    /// The handles that the use cases of key jobs take.
    pub fn jobs(&self) -> Jobs<'_> {
        Jobs {
            keys: self.keys(),
            reader: &*self.key_jobs.reader,
            rows: &*self.key_jobs.rows,
            leases: &*self.key_jobs.leases,
            settings: self.key_jobs.settings,
        }
    }
}
