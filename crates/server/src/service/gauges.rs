//! Every few seconds: gauges that nothing pushes, memory that nothing uses, and keys that another replica rotated.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinHandle;
use vutf_app::kek_age::KekSince;
use vutf_crypto_keys::{
    ApprovalState, Keks, KeyReader as _, KeyRecord, KeyState, Keyset, LifecycleReader as _, Posture, due,
    job::{Job, JobReader as _, JobState},
};
use vutf_identity::mfa::adoption::AdoptionReader as _;
use vutf_kernel::{Class, OrganizationId, PortError, Timestamp};

use super::{SequencerStatus, Service, probes};
use crate::{
    http::health::ProbeStatus,
    telemetry::{KeyAge, KeyCacheCounts, KeyMetrics, Metrics, PoolGauge},
};

const EVERY: Duration = Duration::from_secs(5);
/// How long a key provider may take to answer a look that nobody waits for.
const KEK_PATIENCE: Duration = Duration::from_secs(5);
/// Jobs and requests of an organization that are looked at, the newest first.
const LISTED: u32 = 100;
/// What key-encryption keys are called beside the kinds of purposes.
const KEK: &str = "kek";

pub(super) fn spawn(
    service: Service,
    metrics: Arc<Metrics>,
    sequencer: Arc<SequencerStatus>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        // What another replica's new key protects is loaded when it is met; the look at the registry is for what this replica
        // goes on protecting under the old one, and for the provider's confirmation.
        let reload = service.config.keys.reload_interval;
        let every = EVERY.min(reload);
        let rounds_between_keys = u64::try_from(reload.as_millis() / every.as_millis().max(1)).unwrap_or(1);
        let mut ticks = tokio::time::interval(every);
        let mut keks = KekSince::default();
        for round in 0_u64.. {
            ticks.tick().await;
            read(&service, &metrics, &sequencer);
            // Keys were loaded by the start; their figures are wanted from the beginning.
            if round > 0 && round.is_multiple_of(rounds_between_keys) {
                reload_keys(&service, metrics.keys()).await;
            }
            if round.is_multiple_of(rounds_between_keys)
                && let Err(error) = registry(&service, metrics.keys(), &mut keks).await
            {
                tracing::warn!(error = %error.chain(), "the figures about keys could not be read; trying again later");
            }
            if round.is_multiple_of(rounds_between_keys) {
                persons(&service, &metrics).await;
            }
        }
    })
}

/// Who has which second factors.
async fn persons(service: &Service, metrics: &Metrics) {
    match service.store.adoption().await {
        Ok(adoption) => metrics.factors().set(adoption),
        Err(error) => {
            tracing::warn!(error = %error.chain(), "second factors could not be counted; trying again later");
        }
    }
}

/// What cannot be read now is read later; what somebody else has written is for an operator to mend.
async fn reload_keys(service: &Service, metrics: &KeyMetrics) {
    let error = match service.keys().reload().await {
        Ok(_report) => return metrics.set_registry_refused(false),
        Err(error) => error,
    };
    if error.class() == Class::Unavailable {
        tracing::warn!(error = %error, "the key registry could not be read again; trying again later");
        return;
    }
    metrics.set_registry_refused(true);
    tracing::error!(
        error = %error,
        "the key registry is not what the service wrote, and is not read again: this process goes on with what it has loaded; \
         keep the database as evidence, and run `violentutf-api doctor`"
    );
}

fn read(service: &Service, metrics: &Metrics, sequencer: &SequencerStatus) {
    metrics.set_breaker("database", service.store.breaker_state());
    if let Some(state) = service.cache.breaker_state() {
        metrics.set_breaker("cache", state);
    }
    if let Some(state) = service.wrapper.breaker_state() {
        metrics.set_breaker("kms", state);
    }
    in_memory(service, metrics.keys());
    let (group, backlog) = (&service.lone_events.group, &service.lone_events.backlog);
    metrics
        .audit_group()
        .set(group.depth(), group.refused(), group.failed());
    metrics
        .audit()
        .set_backlog(backlog.waiting(), backlog.taken(), backlog.dropped());
    metrics.audit().set_relaxed(service.config.audit.relaxed.len());
    metrics.set_hash_queue(service.hasher.depth());
    service.hasher.release_if_idle();
    let (idle, size, max) = service.store.pool_size();
    metrics.set_pool(PoolGauge {
        idle,
        in_use: size.saturating_sub(idle),
        max,
    });
    // A database that is down shows in its breaker; the last known lag stays.
    if let Some(lag) = sequencer.lag() {
        metrics.set_audit(lag.pending, lag.last_sequence);
        metrics.set_audit_guard(
            sequencer.is_refused(),
            sequencer.oldest_wait(service.ambient.now()),
        );
    }
}

/// What this process knows about its own keys.
fn in_memory(service: &Service, metrics: &KeyMetrics) {
    let keyring = &service.keyring;
    keyring.sweep();
    let counts = keyring.cache_counters();
    metrics.set_cache(KeyCacheCounts {
        hits: counts.hits,
        misses: counts.misses,
        evictions: counts.evictions,
        refused: counts.refused,
    });
    for (purpose, operation, total) in keyring.uses().each() {
        metrics.set_uses(purpose, operation.as_str(), total);
    }
    metrics.set_compromised_uses(keyring.flagged_uses());
    metrics.set_kms_posture(match keyring.posture() {
        Posture::Fresh => 0,
        Posture::Grace => 1,
        Posture::ReadOnly => 2,
        Posture::Closed => 3,
    });
    if let Some(set) = service.wrapper.as_set() {
        metrics.set_kek_fallbacks(set.fallbacks());
    }
}

/// What the registry and the key providers say.
async fn registry(service: &Service, metrics: &KeyMetrics, keks: &mut KekSince) -> Result<(), PortError> {
    for kek in probes::kek_health(&*service.wrapper, KEK_PATIENCE).await {
        metrics.set_kek_up(kek.role, kek.technology, kek.status != ProbeStatus::Failed);
    }
    let records = service.store.list(None).await?;
    for state in KeyState::ALL {
        let number = records.iter().filter(|record| record.state == state).count();
        metrics.set_keys(state.as_str(), number);
    }
    let (now, keysets) = (service.ambient.now(), service.store.keysets(None).await?);
    for (purpose, age) in ages(&records, &keysets, now) {
        metrics.set_age(purpose, age);
    }
    if let Some(age) = kek_age(service, keks, now).await? {
        metrics.set_age(KEK, age);
    }
    let (mut requests, mut jobs) = (0, Vec::new());
    for organization in service.keyring.organizations() {
        let approvals = service.store.approvals(organization, LISTED).await?;
        requests += approvals
            .iter()
            .filter(|request| request.state_at(now) == ApprovalState::Open)
            .count();
        jobs.extend(newest(service.store.jobs(organization, LISTED).await?));
    }
    metrics.set_requests(requests);
    for state in JobState::ALL {
        let number = jobs.iter().filter(|job| job.state == state).count();
        metrics.set_jobs(state.as_str(), number);
    }
    Ok(())
}

/// The age of the key-encryption keys that wrap. One that has wrapped nothing yet has none, and is looked for again.
async fn kek_age(
    service: &Service,
    keks: &mut KekSince,
    now: Timestamp,
) -> Result<Option<KeyAge>, PortError> {
    let wrapping: Vec<&str> = Keks::of(&*service.wrapper).wrapping_ids().collect();
    if wrapping.iter().any(|kek_id| keks.of(kek_id).is_none()) {
        keks.read_on(&service.store, OrganizationId::DEFAULT, now).await?;
    }
    let oldest = wrapping.iter().filter_map(|kek_id| keks.of(kek_id)).min();
    Ok(oldest.map(|since| {
        let end = since.plus(service.config.keys.kek_cryptoperiod);
        KeyAge {
            oldest: now.since(since),
            remaining_secs: Some(end.as_secs().saturating_sub(now.as_secs())),
        }
    }))
}

/// The last job of each kind and purpose: one that failed and was done later is no news. `jobs` are the newest first.
fn newest(jobs: Vec<Job>) -> impl Iterator<Item = Job> {
    let mut seen = HashSet::new();
    jobs.into_iter().filter(move |job| seen.insert(job.kind.clone()))
}

/// The active keys by kind of purpose.
fn ages(records: &[KeyRecord], keysets: &[Keyset], now: Timestamp) -> BTreeMap<&'static str, KeyAge> {
    let policies = due::by_purpose(keysets);
    let mut ages: BTreeMap<&'static str, KeyAge> = BTreeMap::new();
    for record in records.iter().filter(|record| record.state == KeyState::Active) {
        let age = ages.entry(record.purpose.kind()).or_insert(KeyAge {
            oldest: Duration::ZERO,
            remaining_secs: None,
        });
        let since = record.activated_at.unwrap_or(record.created_at);
        age.oldest = age.oldest.max(now.since(since));
        let policy = policies.get(&(record.organization_id, &record.purpose)).copied();
        let end = due::end_of_period(record, policy);
        let remaining = end.map(|end| end.as_secs().saturating_sub(now.as_secs()));
        age.remaining_secs = match (age.remaining_secs, remaining) {
            (Some(known), Some(remaining)) => Some(known.min(remaining)),
            (known, remaining) => known.or(remaining),
        };
    }
    ages
}
