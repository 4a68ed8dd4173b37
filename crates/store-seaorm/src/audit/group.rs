//! Group commit: events that accompany no other change share a transaction.
//!
//! A commit costs a write to disk, whatever it holds. What waits is taken and committed at once; what arrives meanwhile waits for
//! the next commit, and for nothing else. Whoever raised an event is answered after its commit. Where the database has several
//! writers, the next group is written while the one before it reaches the disk.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::{JoinHandle, JoinSet},
};
use vutf_app::UnitOfWork;
use vutf_audit::AuditTx;
use vutf_kernel::{Ambient, Event, EventRecorder, Fault, PortError, Units, transact};

use crate::Technology;

const OP: &str = "audit.record";

/// Bounds of a [`GroupRecorder`].
#[derive(Clone, Copy, Debug)]
pub struct GroupOptions {
    /// Events that may wait; more are refused at once.
    pub queue: usize,
    /// Events in one transaction.
    pub batch: usize,
    /// Transactions at once.
    pub commits: usize,
}

impl Default for GroupOptions {
    fn default() -> Self {
        Self {
            queue: 4_096,
            batch: 256,
            commits: 1,
        }
    }
}

impl GroupOptions {
    /// The documented defaults for a database. PostgreSQL: the disk writes one group while the next one is on its way; more than
    /// two only make the groups smaller. SQLite has one writer.
    pub fn of(technology: Technology) -> Self {
        let commits = match technology {
            Technology::Postgres => 2,
            Technology::Sqlite => 1,
        };
        Self {
            commits,
            ..Self::default()
        }
    }
}

/// A commit that was done.
#[derive(Clone, Copy, Debug)]
pub struct GroupCommit {
    /// Events in it.
    pub events: usize,
    /// How long its oldest event waited, from the call to the end of the commit.
    pub wait: Duration,
}

type Observer = dyn Fn(GroupCommit) + Send + Sync;

/// Writes lone events in groups. What it cannot write it refuses: a full queue, a failed commit and the end of the process are
/// errors of the callers whose events they are.
pub struct GroupRecorder {
    queue: mpsc::Sender<Waiting>,
    /// Asked to end by dropping it.
    open: Mutex<Option<Committing>>,
    options: GroupOptions,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    observer: OnceLock<Box<Observer>>,
    refused: AtomicU64,
    failed: AtomicU64,
    down: AtomicBool,
}

struct Committing {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

struct Waiting {
    event: Event,
    since: Instant,
    done: oneshot::Sender<Result<(), PortError>>,
}

impl GroupRecorder {
    /// Starts the committer on the present runtime.
    pub fn spawn(units: Arc<dyn Units<dyn UnitOfWork>>, ambient: Ambient, options: GroupOptions) -> Self {
        let (queue, waiting) = mpsc::channel(options.queue);
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::new(Shared::default());
        let committer = Committer {
            units,
            ambient,
            shared: Arc::clone(&shared),
            batch: options.batch,
            commits: options.commits.max(1),
        };
        let task = tokio::spawn(Arc::new(committer).run(waiting, stopped));
        Self {
            queue,
            open: Mutex::new(Some(Committing { stop, task })),
            options,
            shared,
        }
    }

    /// Tells `observer` of each commit from now on. Only the first one is taken.
    pub fn observe(&self, observer: impl Fn(GroupCommit) + Send + Sync + 'static) {
        let _taken = self.shared.observer.set(Box::new(observer));
    }

    /// Events that wait.
    pub fn depth(&self) -> usize {
        self.options.queue - self.queue.capacity()
    }

    /// Events that were refused because too many waited, since the start.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Events whose commit failed, since the start: what they record was not answered.
    pub fn failed(&self) -> u64 {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Takes no more events, and answers when those that were taken are committed or refused. Whoever calls again waits for the
    /// first.
    pub async fn close(&self) {
        let mut open = self.open.lock().await;
        if let Some(Committing { stop, task }) = open.take() {
            drop(stop);
            let _ended = task.await;
        }
    }
}

#[async_trait]
impl EventRecorder for GroupRecorder {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        let unavailable = |why: &'static str| PortError::new(OP, Fault::Unreachable, why);
        let (done, committed) = oneshot::channel();
        let waiting = Waiting {
            event,
            since: Instant::now(),
            done,
        };
        self.queue.try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
                unavailable("too many events wait to be written")
            }
            mpsc::error::TrySendError::Closed(_) => unavailable("the service is ending"),
        })?;
        let answer = committed.await;
        let written = answer.unwrap_or_else(|_gone| Err(unavailable("the commit was not finished")));
        written.map_err(withheld)
    }
}

struct Committer {
    units: Arc<dyn Units<dyn UnitOfWork>>,
    ambient: Ambient,
    shared: Arc<Shared>,
    batch: usize,
    commits: usize,
}

impl Committer {
    async fn run(self: Arc<Self>, mut queue: mpsc::Receiver<Waiting>, mut stopped: oneshot::Receiver<()>) {
        let mut taken = Vec::with_capacity(self.batch);
        // Each in a task of its own: a panic is the end of this group and of no other.
        let mut under_way = JoinSet::new();
        loop {
            let open = !queue.is_closed();
            if under_way.len() >= self.commits {
                // The end is heard even while no commit ends: what came after it would not be waited for.
                tokio::select! {
                    _panicked = under_way.join_next() => {}
                    _ = &mut stopped, if open => queue.close(),
                }
                continue;
            }
            let count = tokio::select! {
                count = queue.recv_many(&mut taken, self.batch) => count,
                _ = &mut stopped, if open => {
                    queue.close();
                    continue;
                }
            };
            if count == 0 {
                break;
            }
            let group = std::mem::take(&mut taken);
            under_way.spawn(Arc::clone(&self).commit(group));
        }
        while under_way.join_next().await.is_some() {}
    }

    async fn commit(self: Arc<Self>, group: Vec<Waiting>) {
        let (events, callers): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|waiting| (waiting.event, (waiting.since, waiting.done)))
            .unzip();
        let written = self.write(&events).await;
        if let Err(error) = &written
            && events.len() > 1
            && is_of_one(error)
        {
            // Somebody's event cannot be written; it must not be everybody's.
            for (event, (since, done)) in events.into_iter().zip(callers) {
                let written = self.write(std::slice::from_ref(&event)).await;
                self.tell(1, since, &written);
                let _gone = done.send(written);
            }
            return;
        }
        if let Some((oldest, _)) = callers.first() {
            self.tell(events.len(), *oldest, &written);
        }
        let written = written.map_err(Arc::new);
        for (_, done) in callers {
            // A caller who has left has an event all the same.
            let _gone = done.send(shared(&written));
        }
    }

    async fn write(&self, events: &[Event]) -> Result<(), PortError> {
        transact::<dyn UnitOfWork, _, PortError>(&*self.units, &self.ambient, |unit, _env| {
            let events = events.to_vec();
            Box::pin(async move { AuditTx::log(unit).append_all(events).await })
        })
        .await
    }

    fn tell(&self, events: usize, oldest: Instant, written: &Result<(), PortError>) {
        let shared = &self.shared;
        if let Err(error) = written {
            shared
                .failed
                .fetch_add(u64::try_from(events).unwrap_or(u64::MAX), Ordering::Relaxed);
            if !shared.down.swap(true, Ordering::Relaxed) {
                tracing::error!(
                    "audit events cannot be recorded, and what they tell is not answered: {}",
                    error.chain()
                );
            }
            return;
        }
        if shared.down.swap(false, Ordering::Relaxed) {
            tracing::info!("audit events are recorded again");
        }
        if let Some(observer) = shared.observer.get() {
            observer(GroupCommit {
                events,
                wait: oldest.elapsed(),
            });
        }
    }
}

/// Whether a failure may be that of a single event; the others are those of the database.
fn is_of_one(error: &PortError) -> bool {
    !matches!(error.fault, Fault::Unreachable | Fault::Contention)
}

/// What cannot be recorded is not answered for now, whatever the cause is (NIST SP 800-53 AU-5): not a defect of the request's.
fn withheld(error: PortError) -> PortError {
    match error.fault {
        Fault::Other => PortError::new(OP, Fault::Withheld, error),
        _ => error,
    }
}

fn shared(written: &Result<(), Arc<PortError>>) -> Result<(), PortError> {
    match written {
        Ok(()) => Ok(()),
        Err(error) => Err(PortError::new(OP, error.fault, Arc::clone(error))),
    }
}
