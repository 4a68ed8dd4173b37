//! Somebody with write access to the database neither blinds the analysis nor changes what it found.

use std::collections::BTreeMap;

use vutf_audit::analysis::{AnalysisReader as _, AnalysisUnit, Detection, Severity};
use vutf_kernel::{FindingId, OrganizationId, Units};
use vutf_testkit::factory::Factory;

use crate::world::World;

on_both!(
    a_foreign_snapshot_is_known,
    findings_are_only_ever_added_to,
    a_finding_that_says_something_else_than_its_row_is_refused,
);

async fn begin(world: &World) -> Box<dyn AnalysisUnit> {
    let units: &dyn Units<dyn AnalysisUnit> = &world.store;
    units.begin().await.unwrap()
}

async fn a_foreign_snapshot_is_known(world: World) {
    let factory = Factory::new(1);
    let other = world.bytes(b"{\"v\":1,\"seq\":99999}");
    for (edit, foreign) in [
        (format!("UPDATE audit_analysis SET snapshot = {other}"), true),
        (format!("UPDATE audit_analysis SET mac = {other}"), true),
        ("UPDATE audit_analysis SET mac = NULL".to_owned(), true),
        // The cursor is for showing, and without a snapshot everything is evaluated.
        ("UPDATE audit_analysis SET evaluated = 99999".to_owned(), false),
        ("UPDATE audit_analysis SET snapshot = NULL".to_owned(), false),
    ] {
        let mut tx = begin(&world).await;
        let own = Some(&b"a snapshot"[..]);
        tx.analysis().advance(7, own, factory.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.store.progress().await.unwrap().snapshot.as_deref(), own);
        world.sql(&edit).await;
        let read = world.store.progress().await.unwrap();
        assert_eq!(read.is_foreign, foreign, "{edit}");
        assert!(!foreign || read.snapshot.is_none(), "{edit}");
    }
}

async fn with_a_finding(world: &World) -> FindingId {
    let mut factory = Factory::new(2);
    let (event, at) = (factory.event(), factory.now());
    let detection = Detection {
        id: FindingId::from_uuid(factory.id()),
        organization_id: OrganizationId::DEFAULT,
        rule: "mass-read".to_owned(),
        rule_version: 1,
        title: "t".to_owned(),
        severity: Severity::High,
        techniques: Vec::new(),
        key: "operator".to_owned(),
        first_seq: 1,
        last_seq: 2,
        seqs: vec![1, 2],
        events: 2,
        amount: 2,
        first_at: at,
        at,
        parameters: BTreeMap::new(),
        silenced: false,
    };
    let mut tx = begin(world).await;
    let repo = tx.analysis();
    assert!(repo.insert(&detection, event.id, at).await.unwrap());
    repo.change(&vutf_audit::analysis::StatusChange {
        finding_id: detection.id,
        organization_id: OrganizationId::DEFAULT,
        number: 1,
        to: vutf_audit::analysis::Status::Acknowledged,
        at,
        by: event.actor.clone(),
        note: None,
        event_id: event.id,
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
    detection.id
}

async fn findings_are_only_ever_added_to(world: World) {
    with_a_finding(&world).await;
    for table in ["audit_findings", "audit_finding_changes"] {
        for attempt in [
            format!("UPDATE {table} SET event_id = event_id"),
            format!("DELETE FROM {table}"),
        ] {
            let refused = world.try_sql(&attempt).await.unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{attempt}: {refused}");
        }
    }
}

async fn a_finding_that_says_something_else_than_its_row_is_refused(world: World) {
    let id = with_a_finding(&world).await;
    let trigger = if world.is_postgres() {
        "DROP TRIGGER audit_findings_append_only ON audit_findings"
    } else {
        "DROP TRIGGER audit_findings_no_update"
    };
    world.sql(trigger).await;
    world.sql("UPDATE audit_findings SET severity = 'low'").await;
    let refused = world
        .store
        .finding(OrganizationId::DEFAULT, id)
        .await
        .unwrap_err();
    assert!(
        refused.chain().contains("says something else"),
        "{}",
        refused.chain()
    );
}
