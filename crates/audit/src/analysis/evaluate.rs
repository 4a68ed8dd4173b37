//! Evaluation: the next events are taken, and what is found is committed with how far the analysis has come.

use std::sync::Arc;

use vutf_kernel::{Ambient, Ctx, Detail, Event, Lease, Outcome, PortError, Timestamp, Units, transact};

use super::{
    Alerting, AnalysisReader, AnalysisUnit, Detection, Engine, Limits, Observation, OriginReader, RuleSet,
    SnapshotError, Vitals, action::FINDING, alert::Sink,
};
use crate::{LogEntry, LogReader};

/// The lease that whoever evaluates holds.
pub const ANALYSIS_LEASE: &str = "audit-analysis";

/// The handles that evaluation needs.
#[derive(Clone, Copy)]
pub struct Evaluation<'a> {
    /// Transactions.
    pub units: &'a dyn Units<dyn AnalysisUnit>,
    /// Findings and decisions.
    pub reader: &'a dyn AnalysisReader,
    /// The log.
    pub log: &'a dyn LogReader,
    /// Where events came from.
    pub origins: &'a dyn OriginReader,
    /// The rules.
    pub rules: &'a Arc<RuleSet>,
    /// How much is kept.
    pub limits: Limits,
    /// Who is told.
    pub alerting: &'a Alerting,
    /// Time and randomness.
    pub ambient: &'a Ambient,
}

/// What a step came to.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Entries that were read.
    pub taken: u32,
    /// What is committed and was not there before.
    pub found: Vec<Detection>,
}

/// The engine as the store knows it. It may be behind what is committed: what it finds again has the ids that are there.
/// Beside it, why a snapshot was not used; then it begins with the first event.
///
/// # Errors
/// The store's.
pub async fn load(evaluation: Evaluation<'_>) -> Result<(Engine, Option<SnapshotError>), PortError> {
    let (rules, limits) = (evaluation.rules, evaluation.limits);
    let progress = evaluation.reader.progress().await?;
    let anew = || Engine::new(Arc::clone(rules), limits);
    Ok(match progress.snapshot {
        _ if progress.is_foreign => (anew(), Some(SnapshotError::Foreign)),
        None => (anew(), None),
        Some(bytes) => match Engine::restore(Arc::clone(rules), limits, &bytes) {
            Ok(engine) => (engine, None),
            Err(error) => (anew(), Some(error)),
        },
    })
}

/// Takes at most `limit` entries behind the engine's last, and commits what is found and how far it has come, under `lease`.
/// With `save`, a snapshot as well. After an error the engine is ahead of what is committed: [`load`] it anew.
///
/// # Errors
/// A port's; [`vutf_kernel::Fault::Stale`] when the lease was taken over.
pub async fn step(
    ctx: &Ctx,
    evaluation: Evaluation<'_>,
    engine: &mut Engine,
    lease: &Lease,
    limit: u32,
    save: bool,
) -> Result<Step, PortError> {
    let from = engine.seq().saturating_add(1);
    let entries = evaluation.log.entries(from, limit).await?;
    let mut found = Vec::new();
    for seen in observations(evaluation, engine, &entries).await? {
        found.extend(engine.observe(&seen));
    }
    // An entry that cannot be read is passed over: it is for the verifier to tell.
    if let Some(last) = entries.last() {
        engine.reach(last.leaf.seq);
    }
    let taken = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    if taken == 0 && !save {
        return Ok(Step::default());
    }
    let found = commit(ctx, evaluation, engine, lease, found, save).await?;
    Ok(Step { taken, found })
}

/// What the watchdogs find now. Only when [`step`] has taken everything.
///
/// # Errors
/// As [`step`].
pub async fn watch(
    ctx: &Ctx,
    evaluation: Evaluation<'_>,
    engine: &mut Engine,
    lease: &Lease,
    vitals: &Vitals,
) -> Result<Vec<Detection>, PortError> {
    let found = engine.watch(vitals);
    if found.is_empty() {
        return Ok(found);
    }
    commit(ctx, evaluation, engine, lease, found, false).await
}

async fn observations(
    evaluation: Evaluation<'_>,
    engine: &Engine,
    entries: &[LogEntry],
) -> Result<Vec<Observation>, PortError> {
    let mut seen = Vec::with_capacity(entries.len());
    let (mut wanted, mut places) = (Vec::new(), Vec::new());
    for entry in entries {
        if let Some(observation) = Observation::of(entry) {
            if engine.wants_origin(&observation) {
                wanted.push(entry);
                places.push(seen.len());
            }
            seen.push(observation);
        }
    }
    if !wanted.is_empty() {
        let tags = evaluation.origins.origins(&wanted).await?;
        for (place, tag) in places.into_iter().zip(tags) {
            if let Some(observation) = seen.get_mut(place) {
                observation.origin = tag;
            }
        }
    }
    Ok(seen)
}

/// Findings, their events and alerts, and the cursor: one transaction.
async fn commit(
    ctx: &Ctx,
    evaluation: Evaluation<'_>,
    engine: &Engine,
    lease: &Lease,
    found: Vec<Detection>,
    save: bool,
) -> Result<Vec<Detection>, PortError> {
    let snapshot = if save {
        let saved = engine.snapshot();
        Some(saved.map_err(|error| PortError::other("analysis.snapshot", error))?)
    } else {
        None
    };
    let work = Arc::new(Work {
        cursor: engine.seq(),
        lease: lease.clone(),
        alerting: evaluation.alerting.clone(),
        ctx: ctx.clone(),
        snapshot,
        found,
    });
    transact(evaluation.units, evaluation.ambient, |unit, mut env| {
        let work = Arc::clone(&work);
        Box::pin(async move {
            let now = env.now();
            unit.analysis().hold(&work.lease).await?;
            let mut new = Vec::new();
            for detection in &work.found {
                let event = event(&work.ctx, &mut env, detection);
                if unit.analysis().insert(detection, event.id, now).await? {
                    unit.log().append(event).await?;
                    let sinks = work.sinks(detection, now);
                    unit.analysis().enqueue(detection, sinks, now).await?;
                    new.push(detection.clone());
                }
            }
            let snapshot = work.snapshot.as_deref();
            unit.analysis().advance(work.cursor, snapshot, now).await?;
            Ok(new)
        })
    })
    .await
}

struct Work {
    ctx: Ctx,
    lease: Lease,
    cursor: i64,
    snapshot: Option<Vec<u8>>,
    found: Vec<Detection>,
    alerting: Alerting,
}

impl Work {
    fn sinks(&self, detection: &Detection, now: Timestamp) -> &[Sink] {
        let told = !detection.silenced
            && detection.severity >= self.alerting.minimum
            && now.since(detection.at) <= self.alerting.max_age;
        if told { &self.alerting.sinks } else { &[] }
    }
}

/// It names no subject: whoever may ask who looked at their data is not to learn from it that they were found.
fn event(ctx: &Ctx, env: &mut vutf_kernel::Env<'_>, detection: &Detection) -> Event {
    let ctx = Ctx {
        organization_id: detection.organization_id,
        ..ctx.clone()
    };
    let resource = FINDING.one(detection.id.as_uuid());
    let number = |number: u64| Detail::Number(i64::try_from(number).unwrap_or(i64::MAX));
    Event::new(&ctx, env, FINDING.name, resource, Outcome::Success)
        .detail("rule", Detail::Text(detection.rule.clone()))
        .detail("rule_version", Detail::Number(detection.rule_version.into()))
        .detail("severity", Detail::Text(detection.severity.as_str().to_owned()))
        .detail("key", Detail::Text(detection.key.clone()))
        .detail("first_seq", Detail::Number(detection.first_seq))
        .detail("last_seq", Detail::Number(detection.last_seq))
        .detail("events", number(detection.events))
        .detail("silenced", Detail::Bool(detection.silenced))
}
