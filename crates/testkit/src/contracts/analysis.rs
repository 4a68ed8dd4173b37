//! What every adapter of the analysis' ports must do.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a contract that is broken fails the test that runs it"
)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use vutf_audit::{
    LogReader, MemoryLog,
    analysis::{
        AnalysisReader, AnalysisUnit, Detection, FindingFilter, MemoryAnalysis, OriginReader, RuleSettings,
        Severity, Silence, Status, StatusChange, Technique,
        alert::{Attempt, Counts, QueuedAlert, Sink},
    },
};
use vutf_kernel::{
    Actor, Fault, FindingId, Lease, Leases, OrganizationId, PageRequest, PortError, Stamps, Timestamp, Units,
    UserId,
};

use super::{NEIGHBOUR, unit::Store};
use crate::factory::Factory;

const HOME: OrganizationId = OrganizationId::DEFAULT;
const TTL: Duration = Duration::from_hours(1);

/// A store of findings under test.
#[derive(Clone)]
pub enum AnalysisStore {
    /// The in-memory twin, and its log.
    Memory(MemoryAnalysis, MemoryLog),
    /// A database that knows [`NEIGHBOUR`].
    Store(Arc<dyn Store>),
}

impl AnalysisStore {
    /// The twin, empty.
    pub fn memory() -> Self {
        let log = MemoryLog::unsealed();
        Self::Memory(MemoryAnalysis::new(log.clone()), log)
    }
    async fn begin(&self) -> Box<dyn AnalysisUnit> {
        let units: &dyn Units<dyn AnalysisUnit> = match self {
            Self::Memory(store, _) => store,
            Self::Store(store) => &**store,
        };
        units.begin().await.expect("a transaction begins")
    }
    fn reader(&self) -> &dyn AnalysisReader {
        match self {
            Self::Memory(store, _) => store,
            Self::Store(store) => &**store,
        }
    }
    fn origins(&self) -> &dyn OriginReader {
        match self {
            Self::Memory(store, _) => store,
            Self::Store(store) => &**store,
        }
    }
    fn log(&self) -> &dyn LogReader {
        match self {
            Self::Memory(_, log) => log,
            Self::Store(store) => &**store,
        }
    }
    fn leases(&self) -> &dyn Leases {
        match self {
            Self::Memory(_, log) => log,
            Self::Store(store) => &**store,
        }
    }
    async fn insert(
        &self,
        detection: &Detection,
        sinks: &[Sink],
        at: Timestamp,
        event: vutf_kernel::Event,
    ) -> bool {
        let mut tx = self.begin().await;
        let inserted = tx.analysis().insert(detection, event.id, at).await.unwrap();
        if inserted {
            tx.log().append(event).await.unwrap();
            tx.analysis().enqueue(detection, sinks, at).await.unwrap();
        }
        tx.commit().await.unwrap();
        inserted
    }
    async fn put_rule(&self, settings: &RuleSettings) -> Result<(), PortError> {
        let mut tx = self.begin().await;
        tx.analysis().put_rule(settings).await?;
        tx.commit().await
    }
    async fn listed(&self, filter: &FindingFilter, limit: u16) -> Vec<FindingId> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest { after, limit };
            let found = self.reader().findings(filter, &page).await.unwrap();
            assert!(found.items.len() <= usize::from(limit));
            all.extend(found.items.into_iter().map(|finding| finding.detection.id));
            after = found.next;
            if after.is_none() {
                return all;
            }
        }
    }
}

fn detection(factory: &mut Factory, organization_id: OrganizationId, severity: Severity) -> Detection {
    let at = factory.now();
    Detection {
        id: FindingId::from_uuid(factory.id()),
        organization_id,
        rule: "guessing-burst".to_owned(),
        rule_version: 3,
        title: "A title".to_owned(),
        severity,
        techniques: vec![Technique {
            uid: "T1110".to_owned(),
            name: "Brute Force".to_owned(),
        }],
        key: "user:x".to_owned(),
        first_seq: 4,
        last_seq: 9,
        seqs: vec![4, 7, 9],
        events: 3,
        amount: 30,
        first_at: at,
        at: factory.now(),
        parameters: BTreeMap::from([("threshold".to_owned(), 3)]),
        silenced: false,
    }
}

/// Runs the whole suite.
///
/// # Panics
/// Where the contract is broken.
pub async fn analysis_contract(store: AnalysisStore) {
    let mut factory = Factory::new(0x616e_616c);
    a_finding_is_there_once(&store, &mut factory).await;
    findings_are_listed_by_what_the_filter_means(&store, &mut factory).await;
    a_step_has_one_number(&store, &mut factory).await;
    a_decision_is_of_the_version_before(&store, &mut factory).await;
    progress_and_snapshot_go_on_apart(&store, &mut factory).await;
    who_was_overtaken_writes_nothing(&store, &mut factory).await;
    alerts_wait_until_their_time(&store, &mut factory).await;
    what_was_not_committed_is_not_there(&store, &mut factory).await;
    equal_origins_have_equal_tags(&store, &mut factory).await;
}

async fn a_finding_is_there_once(store: &AnalysisStore, factory: &mut Factory) {
    let found = detection(factory, HOME, Severity::High);
    let (event, raised_at) = (factory.event(), factory.now());
    let event_id = event.id;
    assert!(store.insert(&found, &[], raised_at, event).await);
    let read = store.reader().finding(HOME, found.id).await.unwrap().unwrap();
    assert_eq!(
        (&read.detection, read.event_id, read.raised_at),
        (&found, event_id, raised_at)
    );
    assert_eq!(read.status(), Status::New);
    assert_eq!(store.reader().finding(NEIGHBOUR, found.id).await.unwrap(), None);
    let again = factory.event();
    let before = store.reader().alert_counts().await.unwrap();
    assert!(!store.insert(&found, &[Sink::Log], raised_at, again.clone()).await);
    assert_eq!(
        store.reader().finding(HOME, found.id).await.unwrap().unwrap(),
        read
    );
    assert!(
        store.log().entry(again.id).await.unwrap().is_none(),
        "nothing is written"
    );
    assert_eq!(store.reader().alert_counts().await.unwrap(), before);
    let mut tx = store.begin().await;
    assert_eq!(
        tx.analysis().finding(HOME, found.id).await.unwrap().unwrap(),
        read
    );
    assert_eq!(tx.analysis().finding(NEIGHBOUR, found.id).await.unwrap(), None);
    tx.rollback().await.unwrap();
}

async fn findings_are_listed_by_what_the_filter_means(store: &AnalysisStore, factory: &mut Factory) {
    let mut all = Vec::new();
    for (number, severity) in (0..).zip(Severity::ALL.iter().cycle().take(12)) {
        let organization = if number % 4 == 3 { NEIGHBOUR } else { HOME };
        let found = Detection {
            rule: ["first-rule", "second-rule"][number % 2].to_owned(),
            ..detection(factory, organization, *severity)
        };
        let (event, at) = (factory.event(), factory.now());
        store.insert(&found, &[], at, event).await;
        if number % 3 == 0 {
            step(store, factory, &found, 1, Status::Acknowledged)
                .await
                .unwrap();
        }
        if number % 6 == 0 {
            step(store, factory, &found, 2, Status::FalsePositive)
                .await
                .unwrap();
        }
        all.push(found);
    }
    let home = FindingFilter::within(HOME);
    let filters = [
        home.clone(),
        FindingFilter::within(NEIGHBOUR),
        FindingFilter {
            rule: Some("second-rule".to_owned()),
            ..home.clone()
        },
        FindingFilter {
            severity: Some(Severity::Medium),
            ..home.clone()
        },
        FindingFilter {
            from: Some(all[4].at),
            ..home.clone()
        },
        FindingFilter {
            until: Some(all[4].at),
            ..home.clone()
        },
    ];
    let statuses = Status::ALL.map(|status| FindingFilter {
        status: Some(status),
        ..home.clone()
    });
    for filter in filters.into_iter().chain(statuses) {
        let mut expected = Vec::new();
        for found in &all {
            let finding = store
                .reader()
                .finding(found.organization_id, found.id)
                .await
                .unwrap();
            if filter.matches(&finding.unwrap()) {
                expected.push(found.id);
            }
        }
        for limit in [1, 3, 100] {
            let mut listed = store.listed(&filter, limit).await;
            listed.retain(|id| all.iter().any(|found| found.id == *id));
            assert_eq!(listed, expected, "{filter:?} in parts of {limit}");
        }
    }
}

async fn step(
    store: &AnalysisStore,
    factory: &mut Factory,
    found: &Detection,
    number: u32,
    to: Status,
) -> Result<StatusChange, PortError> {
    let event = factory.event();
    let change = StatusChange {
        finding_id: found.id,
        organization_id: found.organization_id,
        number,
        to,
        at: factory.now(),
        by: event.actor.clone(),
        note: (number > 1).then(|| "it was a drill".to_owned()),
        event_id: event.id,
    };
    let mut tx = store.begin().await;
    tx.analysis().change(&change).await?;
    tx.commit().await?;
    Ok(change)
}

async fn a_step_has_one_number(store: &AnalysisStore, factory: &mut Factory) {
    let found = detection(factory, HOME, Severity::Low);
    let (event, at) = (factory.event(), factory.now());
    store.insert(&found, &[], at, event).await;
    let first = step(store, factory, &found, 1, Status::Acknowledged)
        .await
        .unwrap();
    let taken = step(store, factory, &found, 1, Status::Resolved)
        .await
        .unwrap_err();
    assert_eq!(taken.fault, Fault::Duplicate);
    let second = step(store, factory, &found, 2, Status::Resolved).await.unwrap();
    let read = store.reader().finding(HOME, found.id).await.unwrap().unwrap();
    assert_eq!(
        (read.status(), read.changes),
        (Status::Resolved, vec![first, second])
    );
}

async fn a_decision_is_of_the_version_before(store: &AnalysisStore, factory: &mut Factory) {
    let by = Some(UserId::from_uuid(factory.id()));
    let first = RuleSettings {
        stamps: Stamps::new(by, factory.now()),
        enabled: Some(false),
        ..RuleSettings::undecided(HOME, "some-rule")
    };
    assert!(store.reader().rules(HOME).await.unwrap().is_empty());
    store.put_rule(&first).await.unwrap();
    assert_eq!(store.put_rule(&first).await.unwrap_err().fault, Fault::Stale);
    let second = RuleSettings {
        enabled: None,
        overrides: BTreeMap::from([("threshold".to_owned(), -7)]),
        silence: Some(Silence {
            until: factory.now(),
            reason: "a drill".to_owned(),
        }),
        stamps: first.stamps.clone().changed(None, factory.now()),
        ..first.clone()
    };
    store.put_rule(&second).await.unwrap();
    for unfit in [&first, &second] {
        assert_eq!(store.put_rule(unfit).await.unwrap_err().fault, Fault::Stale);
    }
    let elsewhere = RuleSettings {
        organization_id: NEIGHBOUR,
        ..first.clone()
    };
    store.put_rule(&elsewhere).await.expect("another tenant");
    assert_eq!(
        store.reader().rules(HOME).await.unwrap(),
        std::slice::from_ref(&second)
    );
    assert_eq!(store.reader().rules(NEIGHBOUR).await.unwrap(), [elsewhere]);
    let mut tx = store.begin().await;
    assert_eq!(tx.analysis().rule(HOME, "some-rule").await.unwrap(), Some(second));
    assert_eq!(tx.analysis().rule(HOME, "another").await.unwrap(), None);
    tx.rollback().await.unwrap();
}

async fn progress_and_snapshot_go_on_apart(store: &AnalysisStore, factory: &mut Factory) {
    let before = store.reader().progress().await.unwrap();
    assert_eq!(
        (before.cursor, before.snapshot, before.is_foreign),
        (-1, None, false)
    );
    for (cursor, snapshot) in [
        (5, None),
        (9, Some(&b"one"[..])),
        (12, None),
        (3, None),
        (20, Some(b"two")),
    ] {
        let mut tx = store.begin().await;
        tx.analysis()
            .advance(cursor, snapshot, factory.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let read = store.reader().progress().await.unwrap();
        assert_eq!((read.cursor, read.is_foreign), (cursor, false));
        let last = match cursor {
            5 => None,
            20 => Some(&b"two"[..]),
            _ => Some(&b"one"[..]),
        };
        assert_eq!(read.snapshot.as_deref(), last);
    }
}

async fn who_was_overtaken_writes_nothing(store: &AnalysisStore, factory: &mut Factory) {
    let (name, start) = (super::unique("analysis"), factory.now());
    let acquire = async |holder, now| -> Lease {
        let lease = store.leases().acquire(&name, holder, now, TTL).await;
        lease.unwrap().expect("it is free")
    };
    let lost = acquire(factory.id(), start).await;
    let mut tx = store.begin().await;
    tx.analysis().hold(&lost).await.unwrap();
    tx.commit().await.unwrap();
    acquire(factory.id(), start.plus(TTL)).await;
    let mut tx = store.begin().await;
    assert_eq!(tx.analysis().hold(&lost).await.unwrap_err().fault, Fault::Stale);
    tx.rollback().await.unwrap();
}

async fn alerts_wait_until_their_time(store: &AnalysisStore, factory: &mut Factory) {
    let before = store.reader().alert_counts().await.unwrap();
    let found = detection(factory, HOME, Severity::Critical);
    let (event, at) = (factory.event(), factory.now());
    store.insert(&found, &Sink::ALL, at, event).await;
    let due = async |now| store.reader().due_alerts(now, 10).await.unwrap();
    assert!(due(at.minus(TTL)).await.is_empty(), "not before it was written");
    let queued = due(at).await;
    assert_eq!(queued.len(), 3);
    assert_eq!(store.reader().due_alerts(at, 2).await.unwrap().len(), 2);
    let alert = |sink| {
        let alert = queued.iter().find(|alert| alert.sink == sink);
        alert.unwrap().clone()
    };
    assert_eq!(
        alert(Sink::Mail),
        QueuedAlert {
            detection: found,
            sink: Sink::Mail,
            attempts: 0,
            queued_at: at
        }
    );
    let later = at.plus(TTL);
    let attempts = [
        (Sink::Log, Attempt::Sent),
        (
            Sink::Webhook,
            Attempt::Again {
                at: later,
                reason: "HTTP 500".to_owned(),
            },
        ),
        (
            Sink::Mail,
            Attempt::Parked {
                reason: "nobody there".to_owned(),
            },
        ),
    ];
    let mut tx = store.begin().await;
    for (sink, attempt) in &attempts {
        tx.analysis().settle(&alert(*sink), attempt, at).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert!(due(at).await.is_empty());
    let again = due(later).await;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].sink, again[0].attempts), (Sink::Webhook, 1));
    let counts = store.reader().alert_counts().await.unwrap();
    assert_eq!(
        counts,
        Counts {
            pending: before.pending + 1,
            parked: before.parked + 1
        }
    );
}

async fn what_was_not_committed_is_not_there(store: &AnalysisStore, factory: &mut Factory) {
    let found = detection(factory, HOME, Severity::Low);
    let (event, at) = (factory.event(), factory.now());
    let event_id = event.id;
    let cursor = store.reader().progress().await.unwrap().cursor;
    let mut tx = store.begin().await;
    assert!(tx.analysis().insert(&found, event_id, at).await.unwrap());
    tx.log().append(event).await.unwrap();
    tx.analysis().enqueue(&found, &Sink::ALL, at).await.unwrap();
    tx.analysis().advance(99, Some(b"three"), at).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(store.reader().finding(HOME, found.id).await.unwrap(), None);
    assert!(store.log().entry(event_id).await.unwrap().is_none());
    assert_eq!(store.reader().progress().await.unwrap().cursor, cursor);
    assert_eq!(store.reader().due_alerts(at, 10).await.unwrap().len(), 0);
}

/// The suite of the log runs the sequencer; here an entry is put together from what was written.
async fn equal_origins_have_equal_tags(store: &AnalysisStore, factory: &mut Factory) {
    let mut entries = Vec::new();
    for (address, agent) in [
        ("192.0.2.1", "a"),
        ("192.0.2.99", "b"),
        ("198.51.100.1", "a"),
        ("nonsense", "a"),
    ] {
        let mut event = factory.event();
        event.actor = Actor::Anonymous;
        event.private.clear();
        let event = event
            .private("source_ip", address.to_owned())
            .private("user_agent", agent.to_owned());
        let id = event.id;
        let mut tx = store.begin().await;
        tx.log().append(event).await.unwrap();
        tx.commit().await.unwrap();
        let record = store.log().entry(id).await.unwrap().unwrap();
        entries.push(vutf_audit::LogEntry {
            leaf: vutf_audit::Leaf {
                seq: 0,
                event_id: id,
                leaf_hash: [0; 32],
                chain: [0; 32],
                cursor: vutf_audit::Cursor { xid: 0, ord: 0 },
            },
            intake: Some(record.intake),
            cursor: None,
            misfit: None,
            pruned: None,
        });
    }
    // What was tampered with is no origin, and no error.
    let mut broken = entries[0].clone();
    if let (AnalysisStore::Store(_), Some(intake)) = (store, &mut broken.intake) {
        for part in &mut intake.parts {
            let last = part.ciphertext.len() - 1;
            part.ciphertext[last] ^= 1;
        }
        entries.push(broken);
    }
    let tags = store
        .origins()
        .origins(&entries.iter().collect::<Vec<_>>())
        .await
        .unwrap();
    assert_eq!(tags.len(), entries.len());
    assert!(tags[0].network.is_some() && tags[0].device.is_some());
    assert_eq!(tags[0].network, tags[1].network, "one network");
    assert_ne!(tags[0].network, tags[2].network);
    assert_ne!(tags[0].device, tags[1].device);
    assert_eq!(tags[0].device, tags[2].device);
    assert_eq!(tags[3].network, None, "no address");
    assert_ne!(tags[0].network, tags[0].device, "hashes of two kinds");
    if let Some(broken) = tags.get(4) {
        assert_eq!((broken.network, broken.device), (None, None));
    }
}
