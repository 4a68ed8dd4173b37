//! Writers, and what they got through the ports while the sequencer worked.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;
use vutf_audit::AuditTx;
use vutf_kernel::{Ambient, EventRecorder as _, Secret};
use vutf_store_seaorm::{GroupOptions, GroupRecorder, StoreOptions, Technology};

use crate::{
    Settings, cpu,
    limit::{self, Rows},
    percentile, place, sequencer,
    site::Site,
};

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// One at a time through the group recorder, as reads and refusals are.
    Record,
    /// So many in a transaction of their own, as changes are.
    Append(usize),
}

/// Writers that write as fast as they are answered, or at a pace.
pub(crate) struct Load {
    way: Way,
    writers: usize,
    /// Events a second of all writers.
    pace: Option<u32>,
}

impl Load {
    pub(crate) const ALL: [Self; 13] = [
        Self::paced(Way::Record, 4, 100),
        Self::full(Way::Record, 1),
        Self::full(Way::Record, 8),
        Self::full(Way::Record, 64),
        Self::full(Way::Record, 512),
        Self::full(Way::Append(1), 1),
        Self::full(Way::Append(1), 8),
        Self::full(Way::Append(1), 64),
        Self::full(Way::Append(64), 1),
        Self::full(Way::Append(64), 8),
        Self::full(Way::Append(64), 64),
        Self::paced(Way::Record, 512, 5_000),
        Self::paced(Way::Record, 512, 10_000),
    ];

    const fn full(way: Way, writers: usize) -> Self {
        Self {
            way,
            writers,
            pace: None,
        }
    }

    const fn paced(way: Way, writers: usize, pace: u32) -> Self {
        Self {
            way,
            writers,
            pace: Some(pace),
        }
    }

    /// The best of all rounds, and of the bare INSERTs that take turns with them: as many rows in a statement as there are in a
    /// transaction here, over as many connections.
    pub(crate) async fn beside_limit(
        &self,
        site: &Arc<Site>,
        rows: &Arc<Rows>,
        settings: &Settings,
    ) -> Value {
        let (mut best, mut limit): (Option<Value>, Option<f64>) = (None, None);
        for _ in 0..settings.rounds.max(1) {
            let ran = self.run(site, settings.seconds).await;
            if self.pace.is_none() {
                let (batch, connections) = self.shape(&ran);
                let bare = limit::plain(site, rows, batch, connections, settings.seconds / 2).await;
                limit = Some(limit.map_or(bare, |limit| limit.max(bare)));
            }
            if best.as_ref().is_none_or(|best| self.is_better(&ran, best)) {
                best = Some(ran);
            }
        }
        let mut best = best.unwrap();
        if let Some(limit) = limit {
            let (batch, connections) = self.shape(&best);
            let ratio = best["events_per_second"].as_f64().unwrap() / limit;
            best["limit"] =
                json!({"rows": batch, "connections": connections, "rows_per_second": limit, "ratio": ratio});
        }
        best
    }

    /// Rows in a transaction, and connections.
    fn shape(&self, ran: &Value) -> (usize, usize) {
        let options = StoreOptions::new(Secret::new(String::new()));
        let connections = usize::try_from(options.max_connections).unwrap();
        match self.way {
            Way::Append(rows) => (rows, self.writers.min(connections)),
            Way::Record => {
                let group = ran["group"].as_f64().unwrap().round();
                (
                    group as usize,
                    GroupOptions::of(Technology::Postgres).commits.min(self.writers),
                )
            }
        }
    }

    /// A load as fast as it can: more events. One at a pace: the sooner the checkpoint.
    fn is_better(&self, new: &Value, old: &Value) -> bool {
        let number = |line: &Value, path: &str| line.pointer(path).and_then(Value::as_f64).unwrap();
        match self.pace {
            None => number(new, "/events_per_second") > number(old, "/events_per_second"),
            Some(_) => number(new, "/checkpoint_ms/p99") < number(old, "/checkpoint_ms/p99"),
        }
    }

    /// Runs for `length`; every event that was acknowledged has its place in the end.
    pub(crate) async fn run(&self, site: &Arc<Site>, length: Duration) -> Value {
        let from = place::count(site).await;
        let running = sequencer::start(site);
        let (groups, grouped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let recorder = Arc::new(GroupRecorder::spawn(
            site.store.lone_units(),
            Ambient::system(),
            GroupOptions::of(site.store.technology()),
        ));
        let (count, sum) = (Arc::clone(&groups), Arc::clone(&grouped));
        recorder.observe(move |commit| {
            count.fetch_add(1, Ordering::Relaxed);
            sum.fetch_add(commit.events as u64, Ordering::Relaxed);
        });
        let (began, computed) = (Instant::now(), cpu::used());
        let writers: Vec<_> = (0..self.writers)
            .map(|writer| {
                let writer = Writer {
                    site: Arc::clone(site),
                    recorder: Arc::clone(&recorder),
                    way: self.way,
                    pause: self
                        .pace
                        .map(|pace| Duration::from_secs(1) * u32::try_from(self.writers).unwrap() / pace),
                    first: writer * 1_000_003,
                };
                tokio::spawn(writer.write_until(began + length))
            })
            .collect();
        let mut committed: HashMap<Uuid, Instant> = HashMap::new();
        let mut answers = Vec::new();
        for writer in writers {
            let (events, took) = writer.await.unwrap();
            committed.extend(events);
            answers.extend(took);
        }
        let took = began.elapsed();
        recorder.close().await;
        let drained = Instant::now();
        let (signed, passes) = running.finish().await;
        let drained = drained.elapsed();
        let computed = cpu::used() - computed;
        let places = place::places(site, from).await;
        let delays = sequencer::delays(&committed, &places, &signed);
        answers.sort_unstable();
        let millis = |micros: u64| micros as f64 / 1_000.0;
        json!({
            "figure": "load",
            "way": match self.way { Way::Record => "record".to_owned(), Way::Append(n) => format!("append {n}") },
            "writers": self.writers,
            "pace": self.pace,
            "events": committed.len(),
            "seconds": took.as_secs_f64(),
            "events_per_second": committed.len() as f64 / took.as_secs_f64(),
            "answer_ms": {"p50": millis(percentile(&answers, 50)), "p99": millis(percentile(&answers, 99))},
            "checkpoint_ms": {"p50": millis(percentile(&delays, 50)), "p99": millis(percentile(&delays, 99)), "max": millis(delays.last().copied().unwrap_or_default())},
            "group": grouped.load(Ordering::Relaxed) as f64 / groups.load(Ordering::Relaxed).max(1) as f64,
            "passes": passes,
            "cpu_us_per_event": computed.as_secs_f64() * 1e6 / committed.len() as f64,
            "drained_seconds": drained.as_secs_f64(),
        })
    }
}

struct Writer {
    site: Arc<Site>,
    recorder: Arc<GroupRecorder>,
    way: Way,
    pause: Option<Duration>,
    first: usize,
}

impl Writer {
    /// The events with the moments at which each was acknowledged, and how long each answer took in microseconds.
    async fn write_until(self, end: Instant) -> (Vec<(Uuid, Instant)>, Vec<u64>) {
        let (mut acknowledged, mut answers) = (Vec::new(), Vec::new());
        let mut nth = self.first;
        let mut due = Instant::now();
        if let Some(pause) = self.pause {
            // Not all at once.
            due += pause.mul_f64((self.first % 97) as f64 / 97.0);
        }
        loop {
            if self.pause.is_some() {
                tokio::time::sleep_until(due).await;
            }
            let asked = Instant::now();
            if asked >= end {
                return (acknowledged, answers);
            }
            let ids = self.write(nth).await;
            nth += ids.len();
            let now = Instant::now();
            answers.push(u64::try_from((now - asked).as_micros()).unwrap());
            acknowledged.extend(ids.into_iter().map(|id| (id, now)));
            due += self.pause.unwrap_or_default();
        }
    }

    async fn write(&self, nth: usize) -> Vec<Uuid> {
        match self.way {
            Way::Record => {
                let event = self.site.event(nth);
                let id = event.id.as_uuid();
                self.recorder.record(event).await.unwrap();
                vec![id]
            }
            Way::Append(many) => {
                let events: Vec<_> = (nth..nth + many).map(|nth| self.site.event(nth)).collect();
                let ids = events.iter().map(|event| event.id.as_uuid()).collect();
                let mut unit = self.site.units().begin().await.unwrap();
                AuditTx::log(&mut *unit).append_all(events).await.unwrap();
                unit.commit().await.unwrap();
                ids
            }
        }
    }
}
