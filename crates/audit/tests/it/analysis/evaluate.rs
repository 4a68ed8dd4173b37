//! Findings are committed with their events, their alerts and the cursor, once, whatever dies in between.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;
use vutf_audit::{
    MemoryLog, SEQUENCER_LEASE,
    analysis::{
        ANALYSIS_LEASE, Alerting, AnalysisReader as _, Engine, Evaluation, FindingFilter, Limits,
        MemoryAnalysis, RuleSet, Severity, Vitals,
        alert::Sink,
        evaluate::{load, step, watch},
    },
    parse_body, sequence_batch,
};
use vutf_kernel::{
    Actor, Ambient, Ctx, Env, Event, Fault, Lease, Leases as _, Origin, OsEntropy, Outcome, PageRequest,
    RequestId, Resource, Timestamp,
};

use super::{HOME, START, person, rules};
use crate::world::{append, now};

pub(super) struct World {
    pub(super) log: MemoryLog,
    pub(super) store: MemoryAnalysis,
    pub(super) rules: Arc<RuleSet>,
    pub(super) ambient: Ambient,
    alerting: Alerting,
}

pub(super) fn job() -> Ctx {
    Ctx::internal(
        HOME,
        Actor::System {
            job: "audit-analysis".into(),
        },
        RequestId::parse("analysis").unwrap(),
    )
}

impl World {
    pub(super) fn new() -> Self {
        let log = MemoryLog::unsealed();
        Self {
            store: MemoryAnalysis::new(log.clone()),
            log,
            rules: rules(),
            ambient: Ambient::system(),
            alerting: Alerting {
                sinks: vec![Sink::Log, Sink::Webhook],
                minimum: Severity::Medium,
                max_age: Duration::from_hours(24 * 36_500),
            },
        }
    }

    pub(super) fn evaluation(&self) -> Evaluation<'_> {
        Evaluation {
            units: &self.store,
            reader: &self.store,
            log: &self.log,
            origins: &self.store,
            rules: &self.rules,
            limits: Limits::default(),
            alerting: &self.alerting,
            ambient: &self.ambient,
        }
    }

    fn lease(&self, holder: u128) -> Lease {
        self.lease_at(holder, self.ambient.now())
    }

    fn lease_at(&self, holder: u128, at: Timestamp) -> Lease {
        let lease = now(self.log.acquire(
            ANALYSIS_LEASE,
            Uuid::from_u128(holder),
            at,
            Duration::from_hours(1),
        ));
        lease.unwrap().unwrap()
    }

    /// Sign-ins with a wrong password, sequenced.
    pub(super) fn guess(&self, count: i64, from: &str) {
        let origin = Origin {
            ip: Some(from.parse().unwrap()),
            user_agent: None,
        };
        let ctx = Ctx::anonymous(HOME, RequestId::parse("r").unwrap(), origin);
        for secs in 0..count {
            let mut entropy = OsEntropy;
            let mut env = Env {
                clock: self.ambient.clock(),
                entropy: &mut entropy,
            };
            let outcome = Outcome::refused("wrong_password");
            let resource = Resource::kind("session");
            let mut event = Event::new(&ctx, &mut env, "session.login", resource, outcome).subject(person(1));
            event.occurred_at = Timestamp::from_secs(START.as_secs() + secs);
            now(append(&self.log, event));
        }
        self.sequence();
    }

    pub(super) fn sequence(&self) {
        let at = self.ambient.now();
        let lease = now(self
            .log
            .acquire(SEQUENCER_LEASE, Uuid::from_u128(9), at, Duration::from_hours(1)));
        let lease = lease.unwrap().unwrap();
        while now(sequence_batch(&self.log, &lease, 100)).unwrap() > 0 {}
    }

    /// Everything there is, by one replica; how many findings were new.
    pub(super) fn evaluate(&self) -> usize {
        let lease = self.lease(1);
        let (mut engine, problem) = now(load(self.evaluation())).unwrap();
        assert!(problem.is_none());
        self.run(&mut engine, &lease, true)
    }

    fn run(&self, engine: &mut Engine, lease: &Lease, save: bool) -> usize {
        let mut found = 0;
        loop {
            let step = now(step(&job(), self.evaluation(), engine, lease, 7, save)).unwrap();
            found += step.found.len();
            if step.taken == 0 {
                self.sequence();
                return found;
            }
        }
    }

    pub(super) fn findings(&self) -> Vec<vutf_audit::analysis::Finding> {
        let page = PageRequest::default();
        let filter = FindingFilter::within(HOME);
        now(self.store.findings(&filter, &page)).unwrap().items
    }

    /// How many events of this action there are.
    pub(super) fn events(&self, action: &str) -> usize {
        self.log
            .tamper(|rows| rows.intake.iter().filter(|row| row.action == action).count())
    }
}

#[test]
fn a_finding_its_event_its_alerts_and_the_cursor_are_one() {
    let world = World::new();
    world.guess(10, "192.0.2.1");
    assert_eq!(world.evaluate(), 1);
    let [finding] = <[_; 1]>::try_from(world.findings()).unwrap();
    assert_eq!(finding.detection.last_seq, 9);
    let body = world.log.tamper(|rows| {
        let row = rows.intake.iter().find(|row| row.id == finding.event_id);
        parse_body(&row.unwrap().body).unwrap()
    });
    assert_eq!(body.resource.id, Some(finding.detection.id.as_uuid()));
    assert!(body.subjects.is_empty(), "who is found is not told");
    let due = now(world.store.due_alerts(world.ambient.now(), 9)).unwrap();
    assert_eq!(due.len(), 2);
    let progress = now(world.store.progress()).unwrap();
    assert_eq!(progress.cursor, 9);
    assert!(progress.snapshot.is_some());
    // Its own event is taken and leads to nothing.
    assert_eq!(world.evaluate(), 0);
    assert_eq!(world.events("audit.finding"), 1);
}

#[test]
fn a_replica_that_dies_after_any_step_leads_to_no_second_finding() {
    for (steps, save) in [
        (0, false),
        (1, false),
        (1, true),
        (2, false),
        (2, true),
        (4, true),
    ] {
        let world = World::new();
        world.guess(25, "192.0.2.1");
        let lease = world.lease(1);
        let (mut engine, _) = now(load(world.evaluation())).unwrap();
        let mut first = 0;
        for _ in 0..steps {
            let done = now(step(&job(), world.evaluation(), &mut engine, &lease, 7, save)).unwrap();
            first += done.found.len();
        }
        drop(engine);
        assert_eq!(first + world.evaluate(), 1, "after {steps} steps");
        assert_eq!(world.events("audit.finding"), 1);
        let counts = now(world.store.alert_counts()).unwrap();
        assert_eq!((counts.pending, counts.parked), (2, 0));
    }
}

#[test]
fn who_was_overtaken_commits_nothing() {
    let world = World::new();
    world.guess(10, "192.0.2.1");
    let lost = world.lease(1);
    let held = world.lease_at(2, world.ambient.now().plus(Duration::from_hours(2)));
    let (mut engine, _) = now(load(world.evaluation())).unwrap();
    let refused = now(step(&job(), world.evaluation(), &mut engine, &lost, 100, true)).unwrap_err();
    assert_eq!(refused.fault, Fault::Stale);
    assert!(world.findings().is_empty() && world.events("audit.finding") == 0);
    let (mut engine, _) = now(load(world.evaluation())).unwrap();
    assert_eq!(world.run(&mut engine, &held, false), 1);
}

#[test]
fn a_snapshot_that_is_none_begins_with_the_first_event_and_tells_nothing_twice() {
    let world = World::new();
    world.guess(10, "192.0.2.1");
    assert_eq!(world.evaluate(), 1);
    let lease = world.lease(1);
    now(async {
        use vutf_audit::analysis::AnalysisTx as _;
        use vutf_kernel::Transaction as _;
        let mut tx = Box::new(world.store.begin_tx());
        tx.analysis()
            .advance(9, Some(b"what is this"), START)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    });
    let (mut engine, problem) = now(load(world.evaluation())).unwrap();
    assert!(problem.is_some(), "it is told");
    assert_eq!(world.run(&mut engine, &lease, true), 0);
    assert_eq!(world.findings().len(), 1);
}

#[test]
fn an_entry_that_cannot_be_read_is_passed_over() {
    let world = World::new();
    world.guess(12, "192.0.2.1");
    world.log.tamper(|rows| {
        rows.intake[3].body = b"{}".to_vec();
        let gone = rows.intake[5].id;
        rows.intake.retain(|row| row.id != gone);
    });
    assert_eq!(world.evaluate(), 1, "ten of the others are enough");
    assert_eq!(now(world.store.progress()).unwrap().cursor, 11);
}

#[test]
fn addresses_come_in_as_tags_by_network() {
    let world = World::new();
    // Two addresses of one network, each about one account: no finding but that of the account.
    world.guess(5, "192.0.2.1");
    world.guess(5, "192.0.2.200");
    assert_eq!(world.evaluate(), 1);
    let snapshot = now(world.store.progress()).unwrap().snapshot.unwrap();
    let text = String::from_utf8(snapshot).unwrap();
    assert!(!text.contains("192.0.2"), "no address is kept");
    assert_eq!(text.matches("\"k\":\"n\"").count(), 1, "one network: {text}");
}

#[test]
fn nobody_is_told_of_what_is_mild_old_or_silenced() {
    let mut world = World::new();
    for (minimum, max_age) in [
        (Severity::High, Duration::from_hours(24 * 36_500)),
        (Severity::Medium, Duration::from_secs(1)),
    ] {
        world = World::new();
        world.alerting.minimum = minimum;
        world.alerting.max_age = max_age;
        world.guess(10, "192.0.2.1");
        assert_eq!(world.evaluate(), 1);
        assert_eq!(now(world.store.alert_counts()).unwrap().pending, 0);
    }
    assert_eq!(world.findings().len(), 1, "it is found all the same");
}

#[test]
fn what_the_watchdogs_see_is_told_once_by_whichever_replica() {
    let world = World::new();
    world.guess(3, "192.0.2.1");
    world.evaluate();
    let at = world.ambient.now();
    let vitals = Vitals {
        at,
        answered: 0,
        pending: 4,
        oldest_pending: Some(at.minus(Duration::from_mins(5))),
    };
    let mut told = Vec::new();
    for holder in 1..3 {
        let lease = world.lease_at(
            holder,
            at.plus(Duration::from_hours(2 * u64::try_from(holder).unwrap())),
        );
        let (mut engine, _) = now(load(world.evaluation())).unwrap();
        for _ in 0..3 {
            told.extend(now(watch(&job(), world.evaluation(), &mut engine, &lease, &vitals)).unwrap());
        }
    }
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].rule.as_str(), told[0].amount), ("sequence-lag", 4));
}
