//! `audit retention` and `audit holds`: what is old goes, and verification can tell it from what was taken away.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use vutf_audit::{SEQUENCER_LEASE, retention::action, sequence_batch};
use vutf_kernel::{
    Actor, Ambient, Clock, Env, Event, Leases as _, OsEntropy, Outcome, Resource, SystemClock, Timestamp,
    UserId,
};
use vutf_server::{
    config::{Sources, load},
    service::{Schema, Service},
};
use vutf_testkit::sql;

use super::Site;

const SUBJECT: &str = "01937b6e-5b5c-7d3e-8f00-000000000001";
const ON: [&str; 2] = ["--set", "audit.retention.enabled=true"];

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The service as it was so many days ago, in the directory of `site`.
async fn service(site: &Site, days: u64) -> Service {
    let flags = vec![("data_dir".to_owned(), site.server.data().display().to_string())];
    let loaded = load(&Sources {
        flags,
        ..Sources::default()
    })
    .unwrap();
    let then = SystemClock.now().minus(Duration::from_hours(24 * days));
    let ambient = Ambient::new(Arc::new(At(then)), Arc::new(|| Box::new(OsEntropy)));
    let assembled = Box::pin(Service::assemble(
        Arc::new(loaded.config),
        ambient,
        Schema::Require,
    ));
    assembled.await.unwrap()
}

/// Gives all events their places.
async fn sequence(service: &Service) {
    let (now, holder) = (service.ambient.now(), uuid::Uuid::from_u128(1));
    let lease = service
        .store
        .acquire(SEQUENCER_LEASE, holder, now, Duration::from_mins(1))
        .await
        .unwrap();
    while sequence_batch(&service.store, &lease.clone().unwrap(), 1_000)
        .await
        .unwrap()
        > 0
    {}
    service.store.release(&lease.unwrap()).await.unwrap();
}

/// A log with ten reads of 500 days ago in it; the numbers of their entries are those from the answer on.
async fn old_log(site: &Site) -> i64 {
    let past = service(site, 500).await;
    sequence(&past).await;
    let first = i64::try_from(past.store.audit_lag().await.unwrap().last_sequence).unwrap() + 1;
    let ctx = past.internal(Actor::Operator);
    let subject: UserId = SUBJECT.parse().unwrap();
    for _ in 0..10 {
        let mut entropy = OsEntropy;
        let mut env = Env {
            clock: past.ambient.clock(),
            entropy: &mut entropy,
        };
        let event = Event::new(
            &ctx,
            &mut env,
            "user.read",
            Resource::kind("user"),
            Outcome::Success,
        );
        past.lone_events
            .recorder
            .record(event.subject(subject))
            .await
            .unwrap();
    }
    sequence(&past).await;
    past.close().await;
    let present = service(site, 0).await;
    present
        .lone_events
        .recorder
        .record(named(&present))
        .await
        .unwrap();
    sequence(&present).await;
    present.close().await;
    first
}

fn named(service: &Service) -> Event {
    let mut entropy = OsEntropy;
    let mut env = Env {
        clock: service.ambient.clock(),
        entropy: &mut entropy,
    };
    let ctx = service.internal(Actor::Operator);
    Event::new(
        &ctx,
        &mut env,
        action::RETENTION.name,
        action::RETENTION.none(),
        Outcome::Success,
    )
}

fn with<'a>(first: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [first, more].concat()
}

fn verified(site: &Site) -> Value {
    site.run(&["audit", "verify", "--json"]).json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_old_goes_and_verification_knows_it_from_what_was_taken_away() {
    let site = Site::migrated();
    let first = Box::pin(old_log(&site)).await;
    let off = site.run(&["audit", "retention", "run"]).failed(1);
    assert!(off.contains("audit.retention.enabled"), "{off}");
    let planned = site
        .run(&["audit", "retention", "run", "--dry-run", "--json"])
        .json();
    assert_eq!(planned["count"], 10);

    let place = [
        "audit",
        "holds",
        "place",
        "--reason",
        "case 7",
        "--subject",
        SUBJECT,
        "--json",
    ];
    let hold = site.run(&place).json()["id"].as_str().unwrap().to_owned();
    let run = with(&ON, &["audit", "retention", "run", "--json"]);
    assert_eq!(site.run(&run).json()["count"], 0, "the hold wins");
    let released = site.run(&["audit", "holds", "release", &hold, "--json"]).json();
    assert!(released["released_at"].is_string());
    let again = site.run(&["audit", "holds", "release", &hold]).failed(1);
    assert!(again.contains("released already"), "{again}");
    let listed = site.run(&["audit", "holds", "list", "--json"]).json();
    assert_eq!(listed["holds"].as_array().unwrap().len(), 1);

    assert_eq!(site.run(&run).json()["count"], 10);
    let report = verified(&site);
    assert_eq!(
        (&report["ok"], &report["pruned"], &report["unconfirmed"]),
        (&true.into(), &10.into(), &10.into())
    );
    let present = service(&site, 0).await;
    sequence(&present).await;
    present.close().await;
    let report = verified(&site);
    assert_eq!(
        (&report["ok"], &report["pruned"], &report["unconfirmed"]),
        (&true.into(), &10.into(), &0.into())
    );
    let status = site.run(&["audit", "retention", "status", "--json"]).json();
    let reads = status["classes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|class| class["class"] == "reads")
        .unwrap();
    assert_eq!(reads["period_days"], 400);
    assert!(reads["oldest"].as_str() > reads["cutoff"].as_str(), "{reads}");
    let lines = site.run(&["audit", "export", "--from", &first.to_string()]).ok();
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert!(line["body"].is_null(), "{line}");
    // Whoever reads the log knows it from what was taken away, too.
    let (before, last) = ((first - 1).to_string(), (first + 9).to_string());
    let diff = ["audit", "diff", &before, &last];
    let counted = site.run(&with(&diff, &["--json"])).json();
    assert_eq!(
        (&counted["entries"], &counted["pruned"]),
        (&10.into(), &10.into())
    );
    assert!(site.run(&diff).ok().contains("pruned    10 of them"));
    let tail = site.run(&["audit", "tail"]).ok();
    assert!(
        tail.contains("  pruned by ") && !tail.contains("is gone"),
        "{tail}"
    );

    // An administrator of the database takes one more away, and says that it was pruned, too.
    let bad = first + 10;
    for statement in [
        "DROP TRIGGER audit_intake_no_delete".to_owned(),
        "DROP TRIGGER audit_subject_ref_no_delete".to_owned(),
        format!("DELETE FROM audit_intake WHERE id = (SELECT event_id FROM audit_leaf WHERE seq = {bad})"),
        format!(
            "INSERT INTO audit_pruned (seq, event_id) SELECT {bad}, MIN(event_id) FROM audit_prune_batch"
        ),
    ] {
        sql::execute(&site.database(), &statement).await.unwrap();
    }
    let done = site.run(&["audit", "verify", "--json"]);
    assert_eq!(done.code, Some(1));
    let report: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(
        (&report["finding"]["seq"], &report["finding"]["kind"]),
        (&bad.into(), &"event_missing".into())
    );
}

#[test]
fn what_is_wrong_with_the_call_is_exit_2() {
    let site = Site::migrated();
    for (arguments, says) in [
        (vec!["audit", "holds", "place"], "--reason"),
        (vec!["audit", "holds", "place", "--reason", "a\nb"], "1 to 200"),
        (
            vec!["audit", "holds", "place", "--reason", "a", "--class", "none"],
            "evidence",
        ),
        (
            vec!["audit", "holds", "place", "--reason", "a", "--subject", "ada"],
            "id of an account",
        ),
        (
            vec!["audit", "holds", "place", "--reason", "a", "--from", "today"],
            "2026",
        ),
        (vec!["audit", "holds", "release", "7"], "id of a hold"),
    ] {
        let done = site.run(&arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.err);
        assert!(done.err.contains(says), "{arguments:?}: {}", done.err);
    }
    let below = site.run(&["--set", "audit.retention.accounts=364d", "config", "check"]);
    assert_eq!(below.code, Some(2), "{}", below.err);
    let line = site.run(&["audit", "holds", "release", SUBJECT]).failed(1);
    assert!(line.contains("no such hold"), "{line}");
}
