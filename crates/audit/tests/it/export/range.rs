//! Taking a part of the log out is a right of its own, bounded, and an event before it is shown.

use std::{collections::BTreeSet, sync::Mutex};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use vutf_audit::{
    Access, Anchor, EventFilter, LogReader, MemoryLog,
    export::{ExportError, Format, Range, Taken, export},
    sequence_batch,
};
use vutf_kernel::{
    Ambient, Ctx, Detail, Event, EventRecorder, Fault, OrganizationId, Origin, Outcome, Permission,
    PortError, RequestId, UserId,
};

use super::{hex, source};
use crate::world::{append, event, lease, log_of, now, user};

#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<Event>>,
    down: bool,
}

#[async_trait]
impl EventRecorder for Recorder {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        if self.down {
            return Err(PortError::new("audit.append", Fault::Unreachable, "planted"));
        }
        self.events.lock().unwrap().push(event);
        Ok(())
    }
}

fn caller(permissions: &[&'static str]) -> Ctx {
    Ctx {
        grants: permissions.iter().map(|name| Permission::known(name)).collect(),
        ..Ctx::anonymous(
            OrganizationId::DEFAULT,
            RequestId::parse("r").unwrap(),
            Origin::default(),
        )
    }
}

fn range() -> Range {
    Range {
        from: 0,
        until: None,
        resume: None,
        filter: EventFilter::within(OrganizationId::DEFAULT),
        limit: 1_000,
        format: Format::Jsonl,
    }
}

async fn take(ctx: &Ctx, log: &MemoryLog, recorder: &Recorder, range: &Range) -> Result<Taken, ExportError> {
    let ambient = Ambient::system();
    let access = Access {
        reader: log,
        recorder,
        ambient: &ambient,
    };
    export(ctx, access, &source(), range).await
}

fn seqs(taken: &Taken) -> Vec<i64> {
    let number = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"]
            .as_i64()
            .unwrap()
    };
    taken.text.lines().map(number).collect()
}

#[test]
fn part_after_part_is_the_whole_and_each_is_told_with_its_hash() {
    now(async {
        let (log, recorder, auditor) = (log_of(20).await, Recorder::default(), caller(&["audit:export"]));
        let (mut seen, mut resume) = (Vec::new(), None);
        loop {
            let part = Range {
                resume,
                limit: 6,
                ..range()
            };
            let taken = take(&auditor, &log, &recorder, &part).await.unwrap();
            assert!(taken.count <= 6);
            assert_eq!(taken.sha256, hex(&Sha256::digest(taken.text.as_bytes())));
            let events = recorder.events.lock().unwrap();
            let event = events.last().unwrap();
            assert_eq!(event.action, "audit.export");
            assert_eq!(event.details["sha256"], Detail::Text(taken.sha256.clone()));
            assert_eq!(
                event.details["count"],
                Detail::Number(i64::try_from(taken.count).unwrap())
            );
            seen.extend(seqs(&taken));
            resume = taken.resume;
            if taken.complete {
                break;
            }
        }
        assert!(seen.into_iter().eq(0..20));
        let head = log.head().await.unwrap().unwrap();
        assert_eq!(resume, Some(Anchor::of(&head)));
        assert_eq!(
            recorder.events.lock().unwrap()[0].subjects,
            [1, 2, 100, 101].map(user)
        );
    });
}

#[test]
fn a_range_and_a_filter_bound_what_is_taken() {
    now(async {
        let (log, recorder, auditor) = (log_of(20).await, Recorder::default(), caller(&["audit:export"]));
        let some = Range {
            from: 5,
            until: Some(9),
            ..range()
        };
        let taken = take(&auditor, &log, &recorder, &some).await.unwrap();
        assert_eq!(seqs(&taken), [5, 6, 7, 8]);
        assert_eq!((taken.first_last, taken.complete), (Some((5, 8)), true));
        let mut refused = range();
        refused.filter.outcome = Some(vutf_audit::Ending::Refused);
        let taken = take(&auditor, &log, &recorder, &refused).await.unwrap();
        assert_eq!(seqs(&taken), [0, 3, 6, 9, 12, 15, 18]);
        assert_eq!(
            taken.resume.unwrap().seq,
            19,
            "what was looked at, not what was found"
        );
        let nothing = Range { from: 20, ..range() };
        let taken = take(&auditor, &log, &recorder, &nothing).await.unwrap();
        assert_eq!(
            (taken.count, taken.complete, taken.resume.unwrap().seq),
            (0, true, 19)
        );
    });
}

/// A log of `n` events, each about another person.
async fn log_about(n: u32) -> MemoryLog {
    let log = MemoryLog::unsealed();
    for number in 0..n {
        let event = event(number).subject(user(1_000 + u128::from(number)));
        append(&log, event).await;
    }
    let lease = lease(&log).await;
    while sequence_batch(&log, &lease, 500).await.unwrap() > 0 {}
    log
}

#[test]
fn whoever_is_told_of_is_named_and_an_answer_ends_before_there_are_too_many() {
    now(async {
        let (log, recorder, auditor) = (
            log_about(300).await,
            Recorder::default(),
            caller(&["audit:export"]),
        );
        let first = take(&auditor, &log, &recorder, &range()).await.unwrap();
        // With the two persons and the two actors whom all events name, 256.
        assert_eq!((first.count, first.complete), (252, false));
        let rest = Range {
            resume: first.resume,
            ..range()
        };
        let rest = take(&auditor, &log, &recorder, &rest).await.unwrap();
        assert_eq!((rest.first_last, rest.complete), (Some((252, 299)), true));
        let events = recorder.events.lock().unwrap();
        let named: BTreeSet<UserId> = events.iter().flat_map(|event| event.subjects.clone()).collect();
        let everybody = [1, 2, 100, 101].into_iter().chain(1_000..1_300).map(user);
        assert!(named.into_iter().eq(everybody));
    });
}

#[test]
fn a_record_that_names_too_many_by_itself_is_taken_alone_and_the_actor_who_is_asked_for_is_named() {
    now(async {
        let (recorder, auditor) = (Recorder::default(), caller(&["audit:export"]));
        let log = MemoryLog::unsealed();
        let crowd = (0..400).fold(event(0), |event, number| event.subject(user(1_000 + number)));
        append(&log, crowd).await;
        append(&log, event(1)).await;
        let lease = lease(&log).await;
        sequence_batch(&log, &lease, 10).await.unwrap();
        let taken = take(&auditor, &log, &recorder, &range()).await.unwrap();
        assert_eq!((seqs(&taken), taken.complete), (vec![0], false));
        let mut of_one = range();
        of_one.filter.actor_id = Some(user(7).as_uuid());
        take(&auditor, &log, &recorder, &of_one).await.unwrap();
        let events = recorder.events.lock().unwrap();
        assert_eq!(events[0].subjects.len(), 403);
        assert_eq!(events[1].subjects, [user(7)]);
    });
}

#[test]
fn another_tenants_events_are_not_taken() {
    now(async {
        let (log, recorder) = (log_of(5).await, Recorder::default());
        let stranger = Ctx {
            organization_id: OrganizationId::from_uuid(uuid::Uuid::from_u128(77)),
            ..caller(&["audit:export"])
        };
        let taken = take(&stranger, &log, &recorder, &range()).await.unwrap();
        assert_eq!((taken.count, taken.complete), (0, true));
    });
}

#[test]
fn to_look_is_not_to_take_and_a_gap_is_refused_and_both_are_events() {
    now(async {
        let (log, recorder) = (log_of(5).await, Recorder::default());
        let reader = caller(&["audit:read"]);
        let denied = take(&reader, &log, &recorder, &range()).await.unwrap_err();
        assert!(matches!(denied, ExportError::Denied));
        let auditor = caller(&["audit:export"]);
        let foreign = Range {
            resume: Some(Anchor {
                seq: 2,
                chain: [1; 32],
            }),
            ..range()
        };
        let gap = take(&auditor, &log, &recorder, &foreign).await.unwrap_err();
        assert!(matches!(gap, ExportError::Gap(_)), "{gap}");
        let beyond = Range { from: 9, ..range() };
        assert!(matches!(
            take(&auditor, &log, &recorder, &beyond).await,
            Err(ExportError::Gap(_))
        ));
        let outcomes: Vec<Outcome> = recorder
            .events
            .lock()
            .unwrap()
            .iter()
            .map(|event| event.outcome.clone())
            .collect();
        let refused = Outcome::refused;
        assert_eq!(
            outcomes,
            [
                refused("permission_denied"),
                refused("export_gap"),
                refused("export_gap")
            ]
        );
    });
}

#[test]
fn a_body_that_was_changed_ends_the_answer_before_it_and_the_next_is_refused() {
    now(async {
        let (log, recorder, auditor) = (log_of(9).await, Recorder::default(), caller(&["audit:export"]));
        log.tamper(|rows| rows.intake[4].body[20] ^= 1);
        let taken = take(&auditor, &log, &recorder, &range()).await.unwrap();
        assert_eq!((seqs(&taken), taken.complete), (vec![0, 1, 2, 3], false));
        let next = Range {
            resume: taken.resume,
            ..range()
        };
        assert!(matches!(
            take(&auditor, &log, &recorder, &next).await,
            Err(ExportError::Gap(_))
        ));
    });
}

#[test]
fn what_cannot_be_recorded_is_not_taken() {
    now(async {
        let recorder = Recorder {
            down: true,
            ..Recorder::default()
        };
        let taken = take(&caller(&["audit:export"]), &log_of(3).await, &recorder, &range()).await;
        assert!(matches!(taken, Err(ExportError::Port(_))));
    });
}
