//! Appending and reading.

use vutf_audit::{ActionMatch, AuditTx, Ending, EventFilter, LogReader, MemoryLog, parse_body};
use vutf_kernel::{EventSink, Fault, OrganizationId, PageRequest, Transaction};

use crate::world::{append, check, event, log_of, now, user};

#[test]
fn events_of_a_transaction_that_did_not_commit_are_not_in_the_log() {
    now(async {
        let log = MemoryLog::unsealed();
        let mut dropped = log.begin_tx();
        dropped.append(event(1)).await.unwrap();
        drop(dropped);
        let mut rolled_back = Box::new(log.begin_tx());
        rolled_back.log().append(event(2)).await.unwrap();
        rolled_back.rollback().await.unwrap();
        assert_eq!(log.pending_count().await.unwrap(), 0);
        append(&log, event(3)).await;
        assert_eq!(log.pending_count().await.unwrap(), 1);
    });
}

#[test]
fn an_event_is_recorded_once() {
    now(async {
        let log = MemoryLog::unsealed();
        let event = event(1);
        append(&log, event.clone()).await;
        let mut again = Box::new(log.begin_tx());
        again.log().append(event).await.unwrap();
        assert_eq!(again.commit().await.unwrap_err().fault, Fault::Duplicate);
    });
}

#[test]
fn an_untouched_log_verifies_and_pending_events_are_counted() {
    let log = now(log_of(20));
    now(append(&log, event(99)));
    let report = check(&log);
    assert_eq!((report.checked, report.pending), (20, 1));
    assert_eq!(report.first_bad, None);
    assert_eq!(report.head.unwrap().seq, 19);
    assert_eq!(check(&MemoryLog::unsealed()).head, None);
}

#[test]
fn logs_longer_than_a_batch_are_read_to_the_end() {
    let log = now(log_of(1_100));
    let mut steps = Vec::new();
    let report = now(vutf_audit::verify(&log, &mut |n| steps.push(n))).unwrap();
    assert_eq!((report.checked, report.first_bad), (1_100, None));
    assert_eq!(steps, [512, 1_024, 1_100]);
}

#[test]
fn a_search_is_bounded_by_every_part_of_its_filter() {
    let log = now(log_of(12));
    let all = EventFilter::within(OrganizationId::DEFAULT);
    let count = |filter: &EventFilter| {
        let page = PageRequest {
            after: None,
            limit: 100,
        };
        now(log.search(filter, &page)).unwrap().items.len()
    };
    let narrowed = |change: fn(&mut EventFilter)| {
        let mut filter = all.clone();
        change(&mut filter);
        count(&filter)
    };
    assert_eq!(count(&all), 12);
    assert_eq!(narrowed(|f| f.outcome = Some(Ending::Refused)), 4);
    assert_eq!(narrowed(|f| f.actor_id = Some(user(101).as_uuid())), 6);
    assert_eq!(narrowed(|f| f.subject = Some(user(2))), 12);
    assert_eq!(narrowed(|f| f.subject = Some(user(3))), 0);
    assert_eq!(narrowed(|f| f.action = ActionMatch::parse("user.lock").ok()), 0);
    assert_eq!(
        narrowed(|f| f.from = Some(vutf_kernel::Timestamp::from_micros(i64::MAX))),
        0
    );
    assert_eq!(
        narrowed(|f| f.until = Some(vutf_kernel::Timestamp::from_micros(0))),
        0
    );
    let foreign = OrganizationId::from_uuid(uuid::Uuid::from_u128(7));
    assert_eq!(count(&EventFilter::within(foreign)), 0);
}

#[test]
fn pages_meet_without_overlap_and_say_where_each_event_stands() {
    let log = now(log_of(10));
    now(append(&log, event(99)));
    let filter = EventFilter::within(OrganizationId::DEFAULT);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = now(log.search(&filter, &PageRequest { after, limit: 4 })).unwrap();
        seen.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 11);
    assert!(seen.is_sorted_by_key(|record| record.intake.id));
    assert_eq!(seen.iter().filter(|record| record.leaf.is_none()).count(), 1);
    let one = now(log.entry(seen[3].intake.id)).unwrap().unwrap();
    assert_eq!(one, seen[3]);
    assert_eq!(parse_body(&one.intake.body).unwrap().id, one.intake.id);
}

#[test]
fn futures_can_move_between_threads() {
    fn needs_send<T: Send>(_: T) {}
    let log = MemoryLog::unsealed();
    needs_send(vutf_audit::verify(&log, &mut |_| {}));
    let lease = now(crate::world::lease(&log));
    needs_send(vutf_audit::sequence_batch(&log, &lease, 1));
}
