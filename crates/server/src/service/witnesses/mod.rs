//! Witnesses: one replica at a time, by lease, submits the newest checkpoint to all of them, and keeps what they cosign.
//!
//! Nothing waits for it: neither a request nor the sequencer. What a witness says against the log is an alarm, and stops nothing:
//! who could make it stop the log could stop the service.

mod call;
mod status;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{sync::watch, task::JoinHandle};
use uuid::Uuid;
use vutf_audit::{
    access::action::WITNESS_CONFLICT,
    tlog::{
        VerifierKey,
        publish::{
            Conflict, Cosignatures, KeptCosignature, PublishedLog, SignedHead, SubmitError, WitnessCall,
            quorum_size, submit,
        },
    },
};
use vutf_kernel::{
    Actor, Ambient, Ctx, Detail, Env, Event, EventId, EventRecorder, Lease, Leases, OrganizationId, Outcome,
    PortError, RequestId, id::uuid_v7,
};

pub use self::{
    call::HttpWitness,
    status::{WitnessState, WitnessStatus},
};
use super::Service;
use crate::telemetry::{Metrics, WitnessGauge};

const LEASE: &str = "audit-witnesses";
/// Shorter ones would be lost to another replica by a slow round.
const SHORTEST_HOLD: Duration = Duration::from_secs(30);
/// Cosignatures of so many checkpoints are looked at for the quorum.
const LOOKED_AT: u32 = 16;

/// A witness and the way to it.
#[derive(Clone)]
pub struct Target {
    /// By which its cosignatures are verified.
    pub key: VerifierKey,
    /// Bounded in time.
    pub call: Arc<dyn WitnessCall>,
}

/// What the worker needs from the rest.
#[derive(Clone)]
pub struct WitnessPorts {
    /// The log.
    pub log: Arc<dyn PublishedLog>,
    /// Where cosignatures go.
    pub kept: Arc<dyn Cosignatures>,
    /// Takes the event of an alarm.
    pub recorder: Arc<dyn EventRecorder>,
    /// So that one replica submits.
    pub leases: Arc<dyn Leases>,
    /// Time and randomness.
    pub ambient: Ambient,
}

/// Submits checkpoints.
pub struct Witnesses {
    ports: WitnessPorts,
    targets: Vec<Target>,
    quorum: usize,
    metrics: Arc<Metrics>,
    status: Arc<WitnessStatus>,
}

impl Witnesses {
    /// A checkpoint is witnessed when `quorum` of the targets have cosigned it; 0 asks for none.
    pub fn new(ports: WitnessPorts, targets: Vec<Target>, quorum: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            ports,
            targets,
            quorum,
            metrics,
            status: Arc::default(),
        }
    }

    /// What is known of the witnesses.
    pub fn status(&self) -> &Arc<WitnessStatus> {
        &self.status
    }

    /// Submits the newest checkpoint to each witness that has not cosigned it, all at once.
    ///
    /// # Errors
    /// The log or the cosignatures cannot be read. What witnesses do is told in [`Self::status`].
    pub async fn round(&self) -> Result<(), PortError> {
        let Some(note) = self.ports.log.newest_checkpoint().await? else {
            return Ok(());
        };
        let unreadable = || PortError::other("witnesses.checkpoint", "the newest checkpoint cannot be read");
        let head = SignedHead::read(&note).ok_or_else(unreadable)?;
        let submitted = join_all(self.targets.iter().map(|target| self.one(target, &head))).await;
        self.sum_up(&head).await?;
        submitted.into_iter().collect()
    }

    async fn one(&self, target: &Target, head: &SignedHead) -> Result<(), PortError> {
        let (name, ports) = (target.key.name(), &self.ports);
        // What an earlier round could not record.
        self.tell_owed(target).await?;
        let last = ports.kept.last_of(&target.key).await?;
        let known = last.as_ref().map_or(0, |last| last.size);
        if let Some(last) = &last {
            self.status.known(name, last.size, last.cosigned_at);
        }
        if last.is_some() && known == head.checkpoint.size {
            return Ok(());
        }
        match submit(&*ports.log, head, &target.key, known, &*target.call).await {
            Ok(submitted) => {
                let KeptCosignature {
                    size, cosigned_at, ..
                } = submitted.cosignature;
                // Owed before it is kept: the witness does not say it again.
                if let Some(forgot) = submitted.forgot {
                    self.alarm(target, forgot);
                }
                ports.kept.keep(&submitted.cosignature).await?;
                self.status.cosigned(name, size, cosigned_at);
                self.tell_owed(target).await
            }
            Err(SubmitError::Superseded) => Ok(()),
            Err(SubmitError::Log(error)) => Err(error),
            Err(SubmitError::Conflict(conflict)) => {
                self.failed(target);
                if self.status.contradicted(name, conflict) {
                    self.alarm(target, conflict);
                }
                self.tell_owed(target).await
            }
            Err(error) => {
                self.tell(target, &error);
                Ok(())
            }
        }
    }

    fn failed(&self, target: &Target) -> u64 {
        self.metrics.witnesses().failed(target.key.name().as_str());
        self.status.failed(target.key.name())
    }

    /// At the first of several failures; the metric counts them.
    fn tell(&self, target: &Target, error: &SubmitError) {
        let witness = target.key.name().as_str();
        let cause = match error {
            SubmitError::Away(cause) => cause.chain(),
            _ => String::new(),
        };
        if self.failed(target) == 1 {
            tracing::warn!(witness, error = %error, cause, "a checkpoint was not cosigned; it is tried again");
        } else {
            tracing::debug!(witness, error = %error, cause, "a checkpoint was not cosigned again");
        }
    }

    fn alarm(&self, target: &Target, conflict: Conflict) {
        let (witness, kind, size) = (target.key.name().as_str(), conflict.as_str(), conflict.size());
        self.metrics.witnesses().conflict(kind);
        tracing::error!(
            witness,
            kind,
            size,
            "a witness contradicts: keep the database as evidence, and see docs/guides/run-a-witness.md"
        );
        self.status.owe(target.key.name(), conflict);
    }

    /// Records each alarm, the oldest first. What cannot be recorded is owed to the next round.
    async fn tell_owed(&self, target: &Target) -> Result<(), PortError> {
        let name = target.key.name();
        while let Some(conflict) = self.status.owed(name) {
            let event = self.event(name.as_str(), conflict);
            self.ports.recorder.record(event).await?;
            self.status.told(name);
        }
        Ok(())
    }

    fn event(&self, witness: &str, conflict: Conflict) -> Event {
        let ambient = &self.ports.ambient;
        let mut entropy = ambient.entropy();
        let mut env = Env {
            clock: ambient.clock(),
            entropy: &mut *entropy,
        };
        let request = EventId::generate(env.clock, env.entropy);
        let actor = Actor::System {
            job: "witnesses".into(),
        };
        let request = RequestId::from_uuid(request.as_uuid());
        let ctx = Ctx::internal(OrganizationId::DEFAULT, actor, request);
        let outcome = Outcome::refused(conflict.as_str());
        let event = Event::new(
            &ctx,
            &mut env,
            WITNESS_CONFLICT.name,
            WITNESS_CONFLICT.none(),
            outcome,
        );
        let number = |size: u64| Detail::Number(i64::try_from(size).unwrap_or(i64::MAX));
        let event = event
            .detail("witness", Detail::Text(witness.to_owned()))
            .detail("size", number(conflict.size()));
        match conflict {
            Conflict::Forgot { cosigned, .. } => event.detail("cosigned", number(cosigned)),
            Conflict::Ahead { .. } | Conflict::Fork { .. } => event,
        }
    }

    /// Brings the metrics up to what is known.
    fn show(&self) {
        let known = self.status.witnesses();
        let gauges = known.iter().map(|(name, state)| {
            let gauge = WitnessGauge {
                size: state.size,
                cosigned_at: state.cosigned_at,
                contradicts: state.conflict.is_some(),
            };
            (name.as_str(), gauge)
        });
        let waiting = self.status.waiting(self.ports.ambient.now());
        self.metrics
            .witnesses()
            .set(gauges, self.status.quorum_size(), waiting);
    }

    async fn sum_up(&self, head: &SignedHead) -> Result<(), PortError> {
        if self.quorum == 0 {
            return Ok(());
        }
        let witnesses = u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
        let recent = self
            .ports
            .kept
            .newest(LOOKED_AT.saturating_mul(witnesses))
            .await?;
        let keys: Vec<VerifierKey> = self.targets.iter().map(|target| target.key.clone()).collect();
        let reached = quorum_size(&recent, &keys, self.quorum);
        self.status
            .summed_up(head.checkpoint.size, reached, self.ports.ambient.now());
        Ok(())
    }
}

/// The loop and the way to end it.
pub(super) struct Worker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What the configuration names; `None` without witnesses.
pub(super) fn of(service: &Service, metrics: Arc<Metrics>) -> Result<Option<Witnesses>, PortError> {
    let audit = &service.config.audit;
    if audit.witnesses.is_empty() {
        return Ok(None);
    }
    let (http, breaker) = (HttpWitness::client()?, service.config.breaker_options());
    let targets = audit.witnesses.iter().map(|witness| Target {
        key: witness.key.clone(),
        call: HttpWitness::new(http.clone(), witness.url.as_str(), audit.witness_timeout, breaker),
    });
    let ports = WitnessPorts {
        log: Arc::new(service.store.clone()),
        kept: Arc::new(service.store.clone()),
        recorder: Arc::clone(&service.lone_events.recorder) as _,
        leases: Arc::new(service.store.clone()),
        ambient: service.ambient.clone(),
    };
    Ok(Some(Witnesses::new(
        ports,
        targets.collect(),
        audit.witness_quorum.into(),
        metrics,
    )))
}

/// Submits every `interval`, beginning at once.
pub(super) fn spawn(witnesses: Witnesses, interval: Duration) -> Worker {
    let (stop, stopped) = watch::channel(false);
    let ambient = &witnesses.ports.ambient;
    let run = Loop {
        holder: uuid_v7(ambient.clock(), &mut *ambient.entropy()),
        lease: None,
        interval,
        witnesses,
    };
    Worker {
        stop,
        task: tokio::spawn(run.run(stopped)),
    }
}

impl Worker {
    /// Lets the round that is under way end, gives the lease back, and ends.
    pub(super) async fn finish(self, patience: Duration) {
        let _ended_already = self.stop.send(true);
        if tokio::time::timeout(patience, self.task).await.is_err() {
            tracing::warn!("the last checkpoint was not submitted to every witness in time");
        }
    }
}

struct Loop {
    witnesses: Witnesses,
    interval: Duration,
    holder: Uuid,
    lease: Option<Lease>,
}

impl Loop {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*stopped.borrow() {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopped.changed() => break,
            }
            if let Err(error) = self.turn().await {
                tracing::warn!(error = %error.chain(), "checkpoints could not be submitted; it is tried again");
            }
        }
        if let Some(lease) = self.lease.take()
            && let Err(error) = self.witnesses.ports.leases.release(&lease).await
        {
            tracing::warn!(error = %error.chain(), "the lease for witnesses could not be given back; it expires by itself");
        }
    }

    async fn turn(&mut self) -> Result<(), PortError> {
        let ports = &self.witnesses.ports;
        let hold = SHORTEST_HOLD.max(self.interval.saturating_mul(3));
        let now = ports.ambient.now();
        self.lease = ports.leases.acquire(LEASE, self.holder, now, hold).await?;
        if self.lease.is_none() {
            self.witnesses.status.forget();
            self.witnesses.show();
            return Ok(());
        }
        let done = self.witnesses.round().await;
        self.witnesses.show();
        done
    }
}
