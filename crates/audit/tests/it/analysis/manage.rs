//! What people do with findings and rules: each decision is an event, and the engine heeds it.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use async_trait::async_trait;
use vutf_audit::{
    AuditTx as _,
    analysis::{
        Analysis, AnalysisError, FindingFilter, Resolution, Status,
        action::{
            FINDING_ACKNOWLEDGE, FINDING_LIST, FINDING_READ, FINDING_RESOLVE, RULE_DISABLE, RULE_ENABLE,
            RULE_LIST, RULE_READ, RULE_SILENCE, RULE_UNSILENCE, RULE_UPDATE,
        },
        findings, rules,
        rules::RuleChange,
    },
    parse_body,
};
use vutf_kernel::{
    Actor, Class, Ctx, Detail, Event, EventRecorder, FindingId, OrganizationId, PageRequest, Permission,
    PortError, RequestId, SessionId, Transaction as _,
};

use super::{HOME, evaluate::World, person};
use crate::world::now;

/// Into the same log, as the service does.
struct Recorder<'a>(&'a World, Mutex<Vec<(String, String)>>);

#[async_trait]
impl EventRecorder for Recorder<'_> {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        let told = (event.action.to_string(), event.outcome.as_str().to_owned());
        self.1.lock().unwrap().push(told);
        let mut tx = Box::new(self.0.log.begin_tx());
        tx.log().append(event).await?;
        tx.commit().await
    }
}

fn recorder(world: &World) -> Recorder<'_> {
    Recorder(world, Mutex::default())
}

fn analysis<'a>(world: &'a World, recorder: &'a Recorder<'a>) -> Analysis<'a> {
    Analysis {
        units: &world.store,
        reader: &world.store,
        recorder,
        rules: &world.rules,
        ambient: &world.ambient,
    }
}

fn caller(permissions: &[&'static str]) -> Ctx {
    let actor = Actor::User {
        user_id: person(50),
        session_id: SessionId::from_uuid(uuid::Uuid::from_u128(51)),
    };
    let ctx = Ctx::internal(HOME, actor, RequestId::parse("r").unwrap());
    let grants = permissions.iter().map(|name| Permission::known(name)).collect();
    Ctx { grants, ..ctx }
}

fn manager() -> Ctx {
    caller(&["audit:read", "audit:manage"])
}

/// The details of the last event of an action.
fn told(world: &World, action: &str) -> BTreeMap<String, Detail> {
    world.log.tamper(|rows| {
        let last = rows.intake.iter().rev().find(|row| row.action == action);
        parse_body(&last.unwrap().body).unwrap().details
    })
}

fn list(words: &[&str]) -> Detail {
    Detail::List(words.iter().map(|word| (*word).to_owned()).collect())
}

fn one_finding(world: &World) -> FindingId {
    world.guess(10, "192.0.2.1");
    world.evaluate();
    world.findings()[0].detection.id
}

#[test]
fn a_finding_is_taken_on_and_resolved_once() {
    let (world, ctx) = (World::new(), manager());
    let id = one_finding(&world);
    let recorder = recorder(&world);
    let analysis = analysis(&world, &recorder);
    let taken = now(findings::acknowledge(&ctx, analysis, id, Some("I look"))).unwrap();
    assert_eq!(taken.status(), Status::Acknowledged);
    assert_eq!(taken.changes[0].by, ctx.actor);
    let again = now(findings::acknowledge(&ctx, analysis, id, None)).unwrap_err();
    assert!(matches!(again, AnalysisError::Status(Status::Acknowledged)));
    let done = now(findings::resolve(
        &ctx,
        analysis,
        id,
        Resolution::FalsePositive,
        None,
    ))
    .unwrap();
    assert_eq!((done.status(), done.changes.len()), (Status::FalsePositive, 2));
    let over = now(findings::resolve(&ctx, analysis, id, Resolution::Resolved, None)).unwrap_err();
    assert_eq!((over.class(), over.code()), (Class::Conflict, "finding_status"));
    assert_eq!(now(findings::view(&ctx, analysis, id)).unwrap(), done);
    assert_eq!(told(&world, FINDING_READ.name).len(), 0);
    let refusals = recorder.1.lock().unwrap();
    let refused = refusals.iter().filter(|(_, outcome)| outcome == "refused");
    let refused: Vec<_> = refused.map(|(action, _)| action.as_str()).collect();
    assert_eq!(
        refused,
        [FINDING_ACKNOWLEDGE.name, FINDING_RESOLVE.name],
        "refusals are recorded"
    );
    drop(refusals);
    let details = told(&world, FINDING_ACKNOWLEDGE.name);
    assert!(details.is_empty(), "the last one was refused: {details:?}");
}

#[test]
fn findings_are_listed_by_what_is_asked_for() {
    let (world, ctx) = (World::new(), manager());
    let id = one_finding(&world);
    let recorder = recorder(&world);
    let analysis = analysis(&world, &recorder);
    let count = |filter: FindingFilter| {
        let page = PageRequest::default();
        now(findings::list(&ctx, analysis, filter, &page))
            .unwrap()
            .items
            .len()
    };
    let any = FindingFilter::within(OrganizationId::from_uuid(uuid::Uuid::from_u128(7)));
    assert_eq!(
        count(any.clone()),
        1,
        "the caller's tenant, whatever the filter names"
    );
    let with = |status| FindingFilter {
        status: Some(status),
        ..any.clone()
    };
    assert_eq!((count(with(Status::New)), count(with(Status::Resolved))), (1, 0));
    now(findings::resolve(&ctx, analysis, id, Resolution::Resolved, None)).unwrap();
    assert_eq!((count(with(Status::New)), count(with(Status::Resolved))), (0, 1));
    assert_eq!(told(&world, FINDING_LIST.name)["count"], Detail::Number(1));
}

#[test]
fn who_may_not_is_refused_and_recorded() {
    let world = World::new();
    let id = one_finding(&world);
    let recorder = recorder(&world);
    let analysis = analysis(&world, &recorder);
    let (reader, stranger) = (caller(&["audit:read"]), caller(&[]));
    let page = PageRequest::default();
    let until = world.ambient.now().plus(Duration::from_hours(1));
    let refused = [
        now(findings::list(
            &stranger,
            analysis,
            FindingFilter::within(HOME),
            &page,
        ))
        .map(|_| ()),
        now(findings::view(&stranger, analysis, id)).map(|_| ()),
        now(findings::acknowledge(&reader, analysis, id, None)).map(|_| ()),
        now(findings::resolve(
            &reader,
            analysis,
            id,
            Resolution::Resolved,
            None,
        ))
        .map(|_| ()),
        now(rules::list(&stranger, analysis)).map(|_| ()),
        now(rules::view(&stranger, analysis, "mass-read")).map(|_| ()),
        now(rules::update(
            &reader,
            analysis,
            "mass-read",
            RuleChange::default(),
        ))
        .map(|_| ()),
        now(rules::silence(&reader, analysis, "mass-read", until, "a drill")).map(|_| ()),
        now(rules::unsilence(&reader, analysis, "mass-read")).map(|_| ()),
    ];
    assert!(
        refused
            .iter()
            .all(|one| matches!(one, Err(AnalysisError::Denied(_))))
    );
    let entries = recorder.1.lock().unwrap();
    let actions: Vec<&str> = entries.iter().map(|(action, _)| action.as_str()).collect();
    let expected = [
        FINDING_LIST,
        FINDING_READ,
        FINDING_ACKNOWLEDGE,
        FINDING_RESOLVE,
        RULE_LIST,
        RULE_READ,
        RULE_UPDATE,
        RULE_SILENCE,
        RULE_UNSILENCE,
    ];
    assert_eq!(actions, expected.map(|action| action.name));
    assert!(entries.iter().all(|(_, outcome)| outcome == "refused"));
}

#[test]
fn a_rule_is_tuned_in_the_version_that_was_read_and_its_event_decides() {
    let (world, ctx) = (World::new(), manager());
    let recorder = recorder(&world);
    let analysis = analysis(&world, &recorder);
    let read = now(rules::view(&ctx, analysis, "guessing-burst")).unwrap();
    assert_eq!(
        (read.settings.stamps.version, read.parameters()["threshold"]),
        (0, 10)
    );
    let tune = |expected_version, value| RuleChange {
        expected_version,
        parameters: BTreeMap::from([("threshold".to_owned(), value)]),
        ..RuleChange::default()
    };
    let update = |change| now(rules::update(&ctx, analysis, "guessing-burst", change));
    assert!(matches!(
        update(tune(None, Some(5))),
        Err(AnalysisError::Precondition)
    ));
    let tuned = update(tune(Some(0), Some(5))).unwrap();
    assert_eq!(
        (tuned.settings.stamps.version, tuned.parameters()["threshold"]),
        (1, 5)
    );
    let event = told(&world, RULE_UPDATE.name);
    assert_eq!(
        (&event["before"], &event["after"]),
        (&list(&["threshold=10"]), &list(&["threshold=5"]))
    );
    assert!(matches!(
        update(tune(Some(0), Some(6))),
        Err(AnalysisError::Stale)
    ));
    world.sequence();
    world.guess(5, "192.0.2.1");
    assert_eq!(world.evaluate(), 1, "five are enough now");
    let back = update(tune(Some(1), None)).unwrap();
    assert_eq!(back.parameters()["threshold"], 10, "as the file says");
    assert_eq!(now(rules::view(&ctx, analysis, "guessing-burst")).unwrap(), back);
}

#[test]
fn what_is_beyond_the_bounds_is_refused_with_its_field() {
    let (world, ctx) = (World::new(), manager());
    let recorder = recorder(&world);
    let analysis = analysis(&world, &recorder);
    for (name, value, pointer) in [
        ("threshold", 2, "/parameters/threshold"),
        ("threshold", 1_001, "/parameters/threshold"),
        ("colour", 1, "/parameters/colour"),
        ("a/b", 1, "/parameters/a~1b"),
    ] {
        let change = RuleChange {
            expected_version: Some(0),
            parameters: BTreeMap::from([(name.to_owned(), Some(value))]),
            ..RuleChange::default()
        };
        let refused = now(rules::update(&ctx, analysis, "guessing-burst", change)).unwrap_err();
        assert!(
            matches!(&refused, AnalysisError::Invalid { pointer: told, .. } if told == pointer),
            "{refused}"
        );
    }
    let far = world.ambient.now().plus(Duration::from_hours(24 * 31));
    let past = world.ambient.now().minus(Duration::from_secs(1));
    let soon = world.ambient.now().plus(Duration::from_hours(1));
    for (until, reason, pointer) in [
        (far, "a drill", "/until"),
        (past, "a drill", "/until"),
        (soon, " ", "/reason"),
        (soon, "a\nb", "/reason"),
        (soon, &"x".repeat(201), "/reason"),
    ] {
        let refused = now(rules::silence(&ctx, analysis, "mass-read", until, reason)).unwrap_err();
        assert!(
            matches!(&refused, AnalysisError::Invalid { pointer: told, .. } if told == pointer),
            "{refused}"
        );
    }
    for unknown in ["nothing", "", "../mass-read"] {
        assert!(matches!(
            now(rules::view(&ctx, analysis, unknown)),
            Err(AnalysisError::NoRule)
        ));
        assert!(matches!(
            now(rules::unsilence(&ctx, analysis, unknown)),
            Err(AnalysisError::NoRule)
        ));
    }
}

#[test]
fn to_switch_a_rule_off_has_a_name_of_its_own_and_holds() {
    let (world, ctx) = (World::new(), manager());
    let recorder = recorder(&world);
    let analysis = analysis(&world, &recorder);
    let switch = |version, enabled| {
        let change = RuleChange {
            expected_version: Some(version),
            enabled: Some(enabled),
            ..RuleChange::default()
        };
        now(rules::update(&ctx, analysis, "guessing-burst", change)).unwrap()
    };
    assert!(!switch(0, false).is_enabled());
    let event = told(&world, RULE_DISABLE.name);
    assert_eq!(
        (&event["before"], &event["after"]),
        (&list(&["enabled=true"]), &list(&["enabled=false"]))
    );
    assert_eq!(world.events(RULE_UPDATE.name), 0);
    world.sequence();
    world.guess(10, "192.0.2.1");
    assert_eq!(world.evaluate(), 0);
    assert!(switch(1, true).is_enabled());
    assert_eq!(world.events(RULE_ENABLE.name), 1);
    world.sequence();
    world.guess(10, "192.0.2.1");
    assert_eq!(world.evaluate(), 1);
    let shown = now(rules::list(&ctx, analysis)).unwrap();
    assert_eq!(
        shown
            .iter()
            .filter(|view| view.settings.stamps.version > 0)
            .count(),
        1
    );
}

#[test]
fn a_silenced_rule_finds_and_nobody_is_told() {
    use vutf_audit::analysis::AnalysisReader as _;
    let (world, ctx) = (World::new(), manager());
    let recorder = recorder(&world);
    let analysis = analysis(&world, &recorder);
    let until = world.ambient.now().plus(Duration::from_hours(1));
    let silenced = now(rules::silence(&ctx, analysis, "guessing-burst", until, "a drill")).unwrap();
    assert_eq!(silenced.settings.silence.unwrap().reason, "a drill");
    let event = told(&world, RULE_SILENCE.name);
    assert_eq!(event["before"], list(&[]));
    assert_eq!(event["after"], list(&[&format!("silent until {until}: a drill")]));
    world.sequence();
    world.guess(10, "192.0.2.1");
    assert_eq!(world.evaluate(), 1);
    assert!(world.findings()[0].detection.silenced);
    assert_eq!(now(world.store.alert_counts()).unwrap().pending, 0);
    let told_again = now(rules::unsilence(&ctx, analysis, "guessing-burst")).unwrap();
    assert_eq!(told_again.settings.silence, None);
    assert_eq!(told(&world, RULE_UNSILENCE.name)["after"], list(&[]));
}
