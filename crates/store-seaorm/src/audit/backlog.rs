//! Events of answers that were given although the log could not take them: they wait, in a queue with an end, until it does.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot},
    task::{JoinHandle, JoinSet},
};
use vutf_audit::{access::action::DROPPED, filter::MOST_LATE};
use vutf_kernel::{
    Actor, Ambient, Ctx, Detail, Env, Event, EventId, EventRecorder, Fault, OrganizationId, Outcome,
    PortError, RequestId, Timestamp,
};

/// Events that are offered to the log at once.
const BATCH: usize = 256;
/// Between two offers while the log takes none.
const PAUSE: Duration = Duration::from_secs(1);
/// When an event happened that is recorded later than that.
const HAPPENED_AT: &str = "happened_at";

/// Takes what a log in trouble does not, and offers it again. What finds no room is counted, and the count is an event itself as
/// soon as one can be written.
pub struct Backlog {
    shared: Arc<Shared>,
    open: tokio::sync::Mutex<Option<Writing>>,
}

struct Writing {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

struct Shared {
    recorder: Arc<dyn EventRecorder>,
    ambient: Ambient,
    limit: usize,
    queue: Mutex<Queue>,
    wake: Notify,
    taken: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Event>,
    /// Offered to the log, without an answer yet.
    offered: usize,
    lost: Option<Lost>,
}

/// What was dropped and is not in the log yet.
struct Lost {
    first: Timestamp,
    last: Timestamp,
    by_action: BTreeMap<String, u64>,
}

impl Backlog {
    /// Starts the writer on the present runtime. At most `limit` events wait.
    pub fn spawn(recorder: Arc<dyn EventRecorder>, ambient: Ambient, limit: usize) -> Self {
        let shared = Arc::new(Shared {
            recorder,
            ambient,
            limit,
            queue: Mutex::default(),
            wake: Notify::new(),
            taken: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(Arc::clone(&shared).run(stopped));
        Self {
            shared,
            open: tokio::sync::Mutex::new(Some(Writing { stop, task })),
        }
    }

    /// Takes an event whose answer is given all the same. Without room it is dropped and counted.
    pub fn defer(&self, event: Event) {
        let shared = &self.shared;
        let mut queue = shared.queue();
        if queue.waiting.len() + queue.offered < shared.limit {
            if queue.waiting.is_empty() && queue.offered == 0 {
                tracing::error!("audit events cannot be recorded; those of answers that are given wait");
            }
            queue.waiting.push_back(event);
            shared.taken.fetch_add(1, Ordering::Relaxed);
        } else {
            shared.drop_event(&mut queue, &event);
        }
        shared.wake.notify_one();
    }

    /// Events that wait.
    pub fn waiting(&self) -> usize {
        let queue = self.shared.queue();
        queue.waiting.len() + queue.offered
    }

    /// Events that waited, since the start.
    pub fn taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
    }

    /// Events that were dropped, since the start.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Offers what waits once more and ends. What the log does not take then is lost, and the process says so.
    pub async fn close(&self) {
        let mut open = self.open.lock().await;
        if let Some(Writing { stop, task }) = open.take() {
            drop(stop);
            let _ended = task.await;
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_event(&self, queue: &mut Queue, event: &Event) {
        if queue.lost.is_none() {
            tracing::error!("too many audit events wait; those of further answers are dropped and counted");
        }
        self.dropped.fetch_add(1, Ordering::Relaxed);
        let at = event.occurred_at;
        let lost = queue.lost.get_or_insert_with(|| Lost {
            first: at,
            last: at,
            by_action: BTreeMap::new(),
        });
        (lost.first, lost.last) = (lost.first.min(at), lost.last.max(at));
        *lost
            .by_action
            .entry(event.action.clone().into_owned())
            .or_default() += 1;
    }

    async fn run(self: Arc<Self>, mut stopped: oneshot::Receiver<()>) {
        loop {
            let pause = match self.round().await {
                Round::Idle => None,
                Round::Went => continue,
                Round::Stands => Some(PAUSE),
            };
            let more = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => self.wake.notified().await,
                }
            };
            tokio::select! {
                () = more => {}
                _ = &mut stopped => break,
            }
        }
        while matches!(self.round().await, Round::Went) {}
        let queue = self.queue();
        let lost = queue.waiting.len();
        if lost > 0 || queue.lost.is_some() {
            tracing::error!(
                waiting = lost,
                "audit events were not recorded before the end, and are lost"
            );
        }
    }

    /// Offers the oldest events to the log, and the count of those that were dropped once none waits.
    async fn round(&self) -> Round {
        let events: Vec<Event> = {
            let mut queue = self.queue();
            let count = queue.waiting.len().min(BATCH);
            queue.offered = count;
            queue.waiting.drain(..count).collect()
        };
        if events.is_empty() {
            return self.tell_lost().await;
        }
        let offered = events.len();
        let refused = self.offer(events).await;
        let stands = refused.len() == offered;
        let mut queue = self.queue();
        queue.offered = 0;
        for (event, error) in refused.into_iter().rev() {
            // The log takes others: it is this event that it cannot take.
            if !stands && !matches!(error.fault, Fault::Unreachable | Fault::Contention) {
                tracing::error!(action = %event.action, "an audit event cannot be recorded: {}", error.chain());
                self.drop_event(&mut queue, &event);
            } else {
                queue.waiting.push_front(event);
            }
        }
        if stands {
            return Round::Stands;
        }
        if queue.waiting.is_empty() {
            tracing::info!("every audit event that waited is recorded");
        }
        Round::Went
    }

    /// Those that were not recorded, in their order.
    async fn offer(&self, events: Vec<Event>) -> Vec<(Event, PortError)> {
        let mut unanswered: BTreeMap<usize, Event> = events.into_iter().enumerate().collect();
        let mut tasks = JoinSet::new();
        for (place, event) in &unanswered {
            let (place, recorder) = (*place, Arc::clone(&self.recorder));
            let event = late(event.clone(), self.ambient.now());
            tasks.spawn(async move { (place, recorder.record(event).await) });
        }
        let mut refused = BTreeMap::new();
        while let Some(ended) = tasks.join_next().await {
            // One that panicked says no place: its event stays unanswered.
            let answer = ended.ok();
            let event = answer.and_then(|(place, done)| Some((place, unanswered.remove(&place)?, done)));
            match event {
                Some((place, event, Err(error))) if error.fault != Fault::Duplicate => {
                    refused.insert(place, (event, error));
                }
                // A duplicate is the event itself, whose first commit was done although nobody heard of it.
                Some(_) | None => {}
            }
        }
        refused.extend(unanswered.into_iter().map(|(place, event)| {
            let error = PortError::other("audit.append", "the recorder did not answer");
            (place, (event, error))
        }));
        refused.into_values().collect()
    }

    async fn tell_lost(&self) -> Round {
        let Some(lost) = self.queue().lost.take() else {
            return Round::Idle;
        };
        let count: u64 = lost.by_action.values().sum();
        if self.recorder.record(self.event(&lost, count)).await.is_err() {
            self.queue().merge(lost);
            return Round::Stands;
        }
        tracing::warn!(count, "that audit events were dropped is recorded");
        Round::Went
    }

    fn event(&self, lost: &Lost, count: u64) -> Event {
        let mut entropy = self.ambient.entropy();
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut *entropy,
        };
        let id = EventId::generate(env.clock, env.entropy);
        let actor = Actor::System {
            job: "audit-backlog".into(),
        };
        let ctx = Ctx::internal(OrganizationId::DEFAULT, actor, RequestId::from_uuid(id.as_uuid()));
        let outcome = Outcome::Failed {
            reason: "no_room".into(),
        };
        let by_action = lost.by_action.iter();
        let by_action = by_action.map(|(action, count)| format!("{action}={count}"));
        Event::new(&ctx, &mut env, DROPPED.name, DROPPED.none(), outcome)
            .detail("events", Detail::Number(i64::try_from(count).unwrap_or(i64::MAX)))
            .detail("by_action", Detail::List(by_action.collect()))
            .detail("from", Detail::Text(lost.first.rfc3339()))
            .detail("to", Detail::Text(lost.last.rfc3339()))
    }
}

enum Round {
    /// There was nothing to do.
    Idle,
    /// Something was recorded.
    Went,
    /// Nothing could be.
    Stands,
}

impl Queue {
    fn merge(&mut self, older: Lost) {
        let Some(newer) = &mut self.lost else {
            self.lost = Some(older);
            return;
        };
        newer.first = newer.first.min(older.first);
        newer.last = newer.last.max(older.last);
        for (action, count) in older.by_action {
            *newer.by_action.entry(action).or_default() += count;
        }
    }
}

/// The event as it is recorded now: an entry that claims to be older than those before it would look like one that was passed
/// over. Its id stays, so that it is recorded once; and it is dated no later than a search of that time looks for ids.
fn late(event: Event, now: Timestamp) -> Event {
    let at = event.occurred_at.rfc3339();
    Event {
        occurred_at: now.min(event.occurred_at.plus(MOST_LATE)),
        ..event.detail(HAPPENED_AT, Detail::Text(at))
    }
}
