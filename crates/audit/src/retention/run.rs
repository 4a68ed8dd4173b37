//! Walking the old part of the log: counting what may go, or removing it in batches.

use std::{collections::BTreeMap, time::Duration};

use uuid::Uuid;
use vutf_kernel::{Ctx, Detail, EventId, Fault, HoldId, Lease, PortError, PruneRunId, Timestamp, transact};

use super::{
    CLASSES, EventClass, Facts, Hold, Judge, Removal, Removed, Retention, Verdict,
    access::{RUNS, action, event},
};
use crate::{Finding, FindingKind, parse_body, tlog::Checkpoint, verify::check_entry};

/// Entries that one transaction removes at most.
pub const BATCH: usize = 1_000;
/// Events that are looked at at once.
const PAGE: u32 = 2_000;
/// The name of the lease under which entries are removed.
pub const LEASE: &str = "audit-retention";
/// Much longer than a batch takes; renewed with each.
const HELD: Duration = Duration::from_mins(2);

/// What may go of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassCount {
    /// The class.
    pub class: &'static str,
    /// What happened before this instant may go.
    pub cutoff: Option<Timestamp>,
    /// How many events may go.
    pub count: u64,
    /// How many would, were they not held.
    pub held: u64,
    /// The lowest number of those that may go.
    pub first_seq: Option<i64>,
    /// The highest.
    pub last_seq: Option<i64>,
}

/// What a run would remove, or has removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanReport {
    /// The version of the policy.
    pub policy: String,
    /// Class by class.
    pub classes: Vec<ClassCount>,
}

impl PlanReport {
    /// Over all classes.
    pub fn count(&self) -> u64 {
        self.classes.iter().map(|class| class.count).sum()
    }

    fn new(retention: Retention<'_>, now: Timestamp) -> Self {
        let policy = &retention.settings.policy;
        let line = |class: &'static EventClass| ClassCount {
            class: class.name,
            cutoff: policy.cutoff(class, now),
            count: 0,
            held: 0,
            first_seq: None,
            last_seq: None,
        };
        Self {
            policy: policy.version(),
            classes: CLASSES.iter().map(line).collect(),
        }
    }

    fn line(&mut self, class: &EventClass) -> Option<&mut ClassCount> {
        self.classes.iter_mut().find(|line| line.class == class.name)
    }

    fn goes(&mut self, class: &EventClass, seq: i64) {
        if let Some(line) = self.line(class) {
            line.count += 1;
            line.first_seq = Some(line.first_seq.map_or(seq, |first| first.min(seq)));
            line.last_seq = Some(line.last_seq.map_or(seq, |last| last.max(seq)));
        }
    }

    fn held(&mut self, class: &EventClass) {
        if let Some(line) = self.line(class) {
            line.held += 1;
        }
    }
}

/// Why a run ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// An entry that was to go does not fit: to remove it would remove the evidence.
    #[error("{0}")]
    Found(Finding),
    /// The list of holds is not the one that the log tells of.
    #[error("the hold {0} is not as the log tells: nothing is pruned")]
    Holds(HoldId),
    /// Another replica is at it.
    #[error("another replica is pruning")]
    Busy,
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Counts what a run would remove at `now`. Calls `progress` with the number of events looked at.
///
/// # Errors
/// The store's.
pub async fn plan(
    retention: Retention<'_>,
    now: Timestamp,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<PlanReport, PortError> {
    let mut report = PlanReport::new(retention, now);
    let holds = retention.store.holds(None).await?;
    let judge = Judge::new(&retention.settings.policy, &holds, now, head(retention).await?);
    let mut walk = Walk::new(&retention, &holds, now);
    while let Some(page) = walk.next(retention).await? {
        for facts in &page {
            match judge.verdict(facts) {
                Verdict::Goes(class) => report.goes(class, facts.seq),
                Verdict::Held(_) => report.held(EventClass::of(&facts.action)),
                Verdict::Stays | Verdict::Young => {}
            }
        }
        progress(walk.seen);
    }
    Ok(report)
}

/// Removes what may go at the beginning of the run, batch after batch; each batch is one transaction with its event. It may be
/// killed at any moment: what is not removed then, the next run removes. Calls `progress` with the number of entries removed.
///
/// # Errors
/// [`Stopped`]; unless a port failed or another replica is at it, the run has ended all the same, and an event says why.
pub async fn prune(
    ctx: &Ctx,
    retention: Retention<'_>,
    holder: Uuid,
    run: PruneRunId,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<PlanReport, Stopped> {
    let now = retention.ambient.now();
    let mut work = Work {
        ctx,
        retention,
        holder,
        run,
        now,
        report: PlanReport::new(retention, now),
    };
    let done = work.walk(progress).await;
    let finding = match &done {
        Ok(()) => None,
        Err(stopped @ (Stopped::Found(_) | Stopped::Holds(_))) => Some(stopped.to_string()),
        Err(_) => return done.map(|()| work.report),
    };
    let lease = work.lease().await?;
    // With what this run removed before the process that began it ended.
    let runs = retention.store.runs(RUNS).await?;
    let removed = runs
        .iter()
        .find(|known| known.id == run)
        .map(|known| known.removed);
    let removed = removed.unwrap_or_else(|| work.report.count());
    retention.end(ctx, &lease, run, removed, finding).await?;
    retention.store.release(&lease).await?;
    done.map(|()| work.report)
}

struct Work<'a> {
    ctx: &'a Ctx,
    retention: Retention<'a>,
    holder: Uuid,
    run: PruneRunId,
    now: Timestamp,
    report: PlanReport,
}

impl Work<'_> {
    async fn lease(&self) -> Result<Lease, Stopped> {
        let (store, now) = (self.retention.store, self.retention.ambient.now());
        let lease = store.acquire(LEASE, self.holder, now, HELD).await?;
        lease.ok_or(Stopped::Busy)
    }

    async fn walk(&mut self, progress: &mut (dyn FnMut(u64) + Send)) -> Result<(), Stopped> {
        self.lease().await?;
        let holds = self.holds().await?;
        let policy = &self.retention.settings.policy;
        let judge = Judge::new(policy, &holds, self.now, head(self.retention).await?);
        let mut walk = Walk::new(&self.retention, &holds, self.now);
        let mut waiting: BTreeMap<&'static str, Vec<i64>> = BTreeMap::new();
        while let Some(page) = walk.next(self.retention).await? {
            for facts in &page {
                let class = match judge.verdict(facts) {
                    Verdict::Goes(class) => class,
                    Verdict::Held(_) => {
                        self.report.held(EventClass::of(&facts.action));
                        continue;
                    }
                    Verdict::Stays | Verdict::Young => continue,
                };
                let seqs = waiting.entry(class.name).or_default();
                seqs.push(facts.seq);
                if seqs.len() == BATCH {
                    let seqs = std::mem::take(seqs);
                    self.batch(class, seqs).await?;
                    progress(self.report.count());
                }
            }
        }
        for (class, seqs) in waiting {
            if let (Some(class), false) = (EventClass::named(class), seqs.is_empty()) {
                self.batch(class, seqs).await?;
                progress(self.report.count());
            }
        }
        Ok(())
    }

    /// All holds, if they are those that the log tells of: whoever can write to the database could take a row away. Looked at
    /// once more before it is said, since one may be placed between two looks.
    async fn holds(&self) -> Result<Vec<Hold>, Stopped> {
        match self.holds_as_told().await {
            Err(Stopped::Holds(_)) => self.holds_as_told().await,
            done => done,
        }
    }

    async fn holds_as_told(&self) -> Result<Vec<Hold>, Stopped> {
        let holds = self.retention.store.holds(None).await?;
        let mut told: BTreeMap<HoldId, (bool, bool)> = BTreeMap::new();
        for body in self.retention.store.hold_events().await? {
            // One that cannot be read is the verifier's business.
            let Ok(body) = parse_body(&body) else { continue };
            let Some(id) = body.resource.id.map(HoldId::from_uuid) else {
                continue;
            };
            if body.outcome != vutf_kernel::Outcome::Success {
                continue;
            }
            let row = holds
                .iter()
                .find(|hold| hold.id == id)
                .ok_or(Stopped::Holds(id))?;
            if body.action == action::HOLD_PLACE.name {
                let details = row.scope.details().into_iter();
                let mut details: BTreeMap<String, Detail> = details
                    .map(|(name, text)| (name.to_owned(), Detail::Text(text)))
                    .collect();
                details.insert("reason".to_owned(), Detail::Text(row.reason.as_str().to_owned()));
                let same = details == body.details;
                told.entry(id).or_default().0 |= same;
            } else {
                told.entry(id).or_default().1 = true;
            }
        }
        let unlike = holds.iter().find(|hold| {
            let (placed, released) = told.get(&hold.id).copied().unwrap_or_default();
            !placed || released != hold.released.is_some()
        });
        match unlike {
            Some(hold) => Err(Stopped::Holds(hold.id)),
            None => Ok(holds),
        }
    }

    /// Judges once more, by what the entries themselves say, and removes them.
    async fn batch(&mut self, class: &'static EventClass, mut seqs: Vec<i64>) -> Result<(), Stopped> {
        seqs.sort_unstable();
        let lease = self.lease().await?;
        let holds = self.holds().await?;
        let policy = &self.retention.settings.policy;
        let judge = Judge::new(policy, &holds, self.now, head(self.retention).await?);
        let mut removed = Removed::default();
        for candidate in self.retention.store.candidates(&seqs).await? {
            let leaf = &candidate.entry.leaf;
            let body = check_entry(&candidate.previous, &candidate.entry)
                .map_err(|misfit| Stopped::Found(Finding::new(leaf.seq, misfit.kind, misfit.detail)))?;
            if judge.verdict(&Facts::of(leaf.seq, &body)) == Verdict::Goes(class) && !removed.push_leaf(leaf)
            {
                let detail = "the number occurs twice, or is below the first";
                return Err(Stopped::Found(Finding::new(
                    leaf.seq,
                    FindingKind::LeafRepeated,
                    detail,
                )));
            }
        }
        if removed.seqs().count() == 0 {
            return Ok(());
        }
        self.remove(class, &lease, &removed).await?;
        for seq in seqs.into_iter().filter(|seq| removed.seqs().contains(*seq)) {
            self.report.goes(class, seq);
        }
        Ok(())
    }

    async fn remove(
        &self,
        class: &'static EventClass,
        lease: &Lease,
        removed: &Removed,
    ) -> Result<EventId, Stopped> {
        let Retention {
            store,
            ambient,
            settings,
            ..
        } = self.retention;
        let removal = Removal {
            run: self.run,
            class: class.name.to_owned(),
            policy: settings.policy.version(),
            cutoff: settings.policy.cutoff(class, self.now).unwrap_or(self.now),
            seqs: removed.seqs().clone(),
            digest: removed.digest(),
            places: removed.places(),
            checkpoint: None,
        };
        let done = transact(store, ambient, |tx, mut env| {
            let event = event(self.ctx, &mut env, action::PRUNE, action::PRUNE.none());
            let (mut removal, lease, now) = (removal.clone(), lease.clone(), env.now());
            Box::pin(async move {
                tx.fence(&lease).await?;
                let newest = tx.checkpoint().await?;
                removal.checkpoint = newest.and_then(|signed| {
                    let (text, _signatures) = signed.note.split_once("\n\n")?;
                    let checkpoint = Checkpoint::parse(&format!("{text}\n")).ok()?;
                    Some((checkpoint.size, checkpoint.root))
                });
                let id = event.id;
                tx.log().append(removal.describe(event)).await?;
                tx.remove(id, &removal, now).await?;
                Ok::<_, PortError>(id)
            })
        });
        match done.await {
            Err(error) if error.fault == Fault::Stale => Err(Stopped::Busy),
            done => Ok(done?),
        }
    }
}

/// The last number; nothing is below -1, so nothing goes from an empty log.
async fn head(retention: Retention<'_>) -> Result<i64, PortError> {
    Ok(retention.reader.head().await?.map_or(-1, |leaf| leaf.seq))
}

struct Walk {
    after: Option<EventId>,
    before: Timestamp,
    with_subjects: bool,
    seen: u64,
}

impl Walk {
    fn new(retention: &Retention<'_>, holds: &[Hold], now: Timestamp) -> Self {
        let on_somebody = |hold: &Hold| hold.released.is_none() && hold.scope.subject.is_some();
        Self {
            after: None,
            before: retention.settings.policy.horizon(now),
            with_subjects: holds.iter().any(on_somebody),
            seen: 0,
        }
    }

    async fn next(&mut self, retention: Retention<'_>) -> Result<Option<Vec<Facts>>, PortError> {
        let page = retention
            .store
            .scan(self.after, self.before, PAGE, self.with_subjects)
            .await?;
        self.after = page.last().map(|facts| facts.id);
        self.seen += page.len() as u64;
        Ok((!page.is_empty()).then_some(page))
    }
}
