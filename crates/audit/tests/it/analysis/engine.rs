//! The engine is a pure function of the log, with bounded state.

use std::sync::Arc;

use proptest::{prelude::*, strategy::ValueTree as _};
use vutf_audit::analysis::{Engine, Limits};
use vutf_kernel::{Actor, Detail, OrganizationId, Timestamp};

use super::{HOUR, by, decided, engine, event, found, person, rules, streams, with_origin, wrong_password};

const TIGHT: Limits = Limits { keys: 3, marks: 4 };

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn state_stays_within_its_bounds(events in streams(300)) {
        let mut engine = Engine::new(rules(), TIGHT);
        for event in &events {
            engine.observe(event);
            let (keys, marks) = engine.size();
            prop_assert!(keys <= TIGHT.keys && marks <= TIGHT.marks, "{keys} keys, {marks} marks");
        }
    }

    #[test]
    fn wherever_the_stream_is_split_the_findings_are_the_same(
        events in streams(300), cut in any::<proptest::sample::Index>(), tight in any::<bool>()
    ) {
        let limits = if tight { TIGHT } else { Limits::default() };
        let mut whole = Engine::new(rules(), limits);
        let all = found(&mut whole, &events);
        let cut = cut.index(events.len() + 1);
        let mut first = Engine::new(rules(), limits);
        let mut parts = found(&mut first, &events[..cut]);
        let snapshot = first.snapshot().unwrap();
        let mut second = Engine::restore(rules(), limits, &snapshot).unwrap();
        // A replica that goes on from an older snapshot sees some events again.
        parts.extend(found(&mut second, &events));
        prop_assert_eq!(&parts, &all);
        prop_assert_eq!(second.snapshot().unwrap(), whole.snapshot().unwrap());
    }

    #[test]
    fn evaluating_again_finds_the_same_under_the_same_ids(events in streams(200)) {
        let once = found(&mut engine(), &events);
        let again = found(&mut engine(), &events);
        prop_assert_eq!(&once, &again);
        let mut ids: Vec<_> = once.iter().map(|detection| detection.id).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), once.len(), "no two findings have one id");
    }

    #[test]
    fn foreign_bytes_are_no_snapshot_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Engine::restore(rules(), TIGHT, &bytes).is_err());
    }
}

#[test]
fn the_streams_of_the_properties_make_findings() {
    // A property over streams in which nothing is found would say nothing.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut kinds = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let events = streams(300).new_tree(&mut runner).unwrap().current();
        kinds.extend(found(&mut engine(), &events).into_iter().map(|found| found.rule));
    }
    for rule in [
        "guessing-burst",
        "impossible-travel",
        "mass-read",
        "first-seen-device",
        "grant-then-export",
    ] {
        assert!(kinds.contains(rule), "{rule} is not in {kinds:?}");
    }
}

#[test]
fn a_finding_tells_what_it_rests_on() {
    let events: Vec<_> = (0..10).map(|n| wrong_password(n, n * 10, 1)).collect();
    let [detection] = <[_; 1]>::try_from(found(&mut engine(), &events)).unwrap();
    assert_eq!(
        (detection.rule.as_str(), detection.rule_version),
        ("guessing-burst", 2)
    );
    assert_eq!((detection.first_seq, detection.last_seq), (0, 9));
    assert_eq!(detection.seqs, (0..10).collect::<Vec<_>>());
    assert_eq!((detection.events, detection.amount), (10, 10));
    assert_eq!(detection.key, format!("user:{}", person(1)));
    assert_eq!(detection.parameters["threshold"], 10);
    assert_eq!(detection.at.since(detection.first_at).as_secs(), 90);
    // By the UUIDv7's time: ids sort as the findings' last events do.
    assert_eq!(detection.id.as_uuid().get_version_num(), 7);
    let millis = detection.id.as_uuid().as_u128() >> 80;
    assert_eq!(
        i128::try_from(millis).unwrap(),
        i128::from(detection.at.as_micros() / 1_000)
    );
}

#[test]
fn tenants_do_not_add_up() {
    let mut events: Vec<_> = (0..10).map(|n| wrong_password(n, n, 1)).collect();
    for event in &mut events[5..] {
        event.body.organization_id = OrganizationId::from_uuid(uuid::Uuid::from_u128(2));
    }
    assert_eq!(found(&mut engine(), &events), []);
}

#[test]
fn a_flood_of_keys_pushes_the_oldest_out_and_is_counted() {
    let mut engine = Engine::new(rules(), TIGHT);
    for (seq, whose) in (0_i64..).zip(0..9) {
        engine.observe(&wrong_password(seq, seq, whose));
    }
    assert_eq!(engine.evicted(), 6);
    // What was of no use any more is no loss.
    let mut engine = Engine::new(rules(), TIGHT);
    for (seq, whose) in (0_i64..).zip(0..9) {
        engine.observe(&wrong_password(seq, seq * 100_000, whose));
    }
    assert_eq!(engine.evicted(), 0);
}

#[test]
fn a_clock_that_is_wrong_by_a_year_blinds_no_rule() {
    let mut events = vec![wrong_password(0, 366 * 86_400, 1)];
    events.extend((1..11).map(|n| wrong_password(n, n, 1)));
    let found = found(&mut engine(), &events);
    assert_eq!(found.iter().map(|found| found.first_seq).collect::<Vec<_>>(), [1]);
}

#[test]
fn many_events_of_one_key_are_told_as_fewer_marks_and_none_is_lost() {
    let mut engine = Engine::new(rules(), TIGHT);
    let read = |seq: i64| {
        let mut read = by(event(seq, 0, "user.list"), 1);
        read.body.details.insert("count".to_owned(), Detail::Number(10));
        read
    };
    let found = found(&mut engine, &(0..100).map(read).collect::<Vec<_>>());
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].events, found[0].amount), (100, 1_000));
    assert_eq!((found[0].first_seq, found[0].last_seq), (0, 99));
    assert!(found[0].seqs.len() <= 5, "{:?}", found[0].seqs);
}

#[test]
fn what_the_analysis_writes_leads_to_nothing() {
    let mut events: Vec<_> = (0..40).map(|n| wrong_password(n, n, 1)).collect();
    for event in &mut events {
        event.body.actor = Actor::System {
            job: "audit-analysis".into(),
        };
    }
    let mut engine = engine();
    assert_eq!(found(&mut engine, &events), []);
    assert!(!engine.wants_origin(&events[0]));
    assert_eq!(engine.seq(), 39, "they are passed over, and not met again");
}

#[test]
fn a_decision_holds_from_its_event_on() {
    let mut engine = engine();
    let mut seq = 0;
    let mut burst = |engine: &mut Engine, whose: u8, count: i64| {
        let events: Vec<_> = (seq..seq + count).map(|n| wrong_password(n, n, whose)).collect();
        seq += count;
        found(engine, &events)
    };
    assert_eq!(burst(&mut engine, 1, 5).len(), 0);
    engine.observe(&decided(
        event(100, 100, "audit.rule.update"),
        "guessing-burst",
        2,
    ));
    let mut seq = 101;
    let mut later = |engine: &mut Engine, whose: u8, count: i64| {
        let events: Vec<_> = (seq..seq + count).map(|n| wrong_password(n, n, whose)).collect();
        seq += count;
        let found = found(engine, &events);
        seq += 1;
        found
    };
    let tuned = later(&mut engine, 2, 5);
    assert_eq!((tuned.len(), tuned[0].parameters["threshold"]), (1, 5));
    let decide = |engine: &mut Engine, seq: i64, action: &str, until: Option<Timestamp>| {
        let mut event = decided(event(seq, seq, action), "guessing-burst", 2);
        if let Some(until) = until {
            event
                .body
                .details
                .insert("until".to_owned(), Detail::Text(until.rfc3339()));
        }
        engine.observe(&event);
    };
    decide(
        &mut engine,
        106,
        "audit.rule.silence",
        Some(super::START.plus(HOUR)),
    );
    let silenced = later(&mut engine, 3, 5);
    assert!(
        silenced.len() == 1 && silenced[0].silenced,
        "it is found, and nobody is told"
    );
    decide(&mut engine, 112, "audit.rule.unsilence", None);
    let told = later(&mut engine, 4, 5);
    assert!(told.len() == 1 && !told[0].silenced);
    decide(&mut engine, 118, "audit.rule.disable", None);
    assert_eq!(later(&mut engine, 5, 50).len(), 0);
    decide(&mut engine, 169, "audit.rule.enable", None);
    let mut refused = decided(event(170, 170, "audit.rule.disable"), "guessing-burst", 2);
    refused.body.outcome = vutf_kernel::Outcome::refused("permission_denied");
    engine.observe(&refused);
    let events: Vec<_> = (171..176).map(|n| wrong_password(n, n, 6)).collect();
    assert_eq!(found(&mut engine, &events).len(), 1, "a refused decision is none");
}

#[test]
fn another_version_of_a_rule_begins_anew_and_the_rest_goes_on() {
    let mut first = engine();
    let events: Vec<_> = (0..9)
        .map(|n| with_origin(wrong_password(n, n, u8::try_from(n).unwrap()), 1))
        .collect();
    assert_eq!(found(&mut first, &events), []);
    let text = String::from_utf8(first.snapshot().unwrap()).unwrap();
    let newer = text.replace("[\"password-spraying\",1,", "[\"password-spraying\",2,");
    assert_ne!(text, newer);
    let next = with_origin(wrong_password(9, 9, 20), 1);
    for (snapshot, expected) in [(text, 1), (newer, 0)] {
        let mut engine = Engine::restore(rules(), Limits::default(), snapshot.as_bytes()).unwrap();
        assert_eq!(engine.observe(&next).len(), expected);
    }
}

#[test]
fn who_is_erased_is_forgotten() {
    let mut engine = engine();
    let mut events: Vec<_> = (0..9).map(|n| wrong_password(n, n, 1)).collect();
    let mut erasure = event(9, 9, "subject.erase");
    erasure.body.subjects = vec![person(1)];
    events.push(erasure);
    found(&mut engine, &events);
    let snapshot = String::from_utf8(engine.snapshot().unwrap()).unwrap();
    assert!(!snapshot.contains(&person(1).to_string()));
    let rules = Arc::new(vutf_audit::analysis::RuleSet::default());
    assert!(
        Engine::new(rules, TIGHT).snapshot().is_ok(),
        "no rules are rules, too"
    );
}
