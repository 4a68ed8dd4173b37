//! A finding against the official schema of OCSF 1.5.

use serde_json::Value;
use vutf_audit::analysis::{Detection, Finding, Status, StatusChange, Vitals, ocsf::DetectionFinding};
use vutf_kernel::{Actor, EventId, Timestamp};

use super::{START, engine, found, wrong_password};

const SCHEMA: &str = include_str!("../../data/ocsf/detection_finding.schema.json");

fn detections() -> Vec<Detection> {
    let events: Vec<_> = (0..10).map(|n| wrong_password(n, n, 1)).collect();
    let mut engine = engine();
    let mut all = found(&mut engine, &events);
    let at = Timestamp::from_secs(START.as_secs() + 10_000);
    all.extend(engine.watch(&Vitals {
        at,
        answered: 0,
        pending: 7,
        oldest_pending: Some(START),
    }));
    all
}

fn finding(detection: &Detection, to: Option<Status>) -> Finding {
    let event_id = EventId::from_uuid(uuid::Uuid::nil());
    let change = |to| StatusChange {
        finding_id: detection.id,
        organization_id: detection.organization_id,
        number: 1,
        to,
        at: START,
        by: Actor::Operator,
        note: Some("a drill".to_owned()),
        event_id,
    };
    Finding {
        detection: detection.clone(),
        event_id,
        raised_at: START,
        changes: to.map(change).into_iter().collect(),
    }
}

#[test]
fn findings_in_every_status_fit_the_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let detections = detections();
    assert_eq!(detections.len(), 2, "one of the stream, one of the process");
    for detection in &detections {
        for status in [None].into_iter().chain(Status::ALL.map(Some)) {
            let view = serde_json::to_value(DetectionFinding::of(&finding(detection, status))).unwrap();
            let problems: Vec<String> = validator
                .iter_errors(&view)
                .map(|error| error.to_string())
                .collect();
            assert!(problems.is_empty(), "{view:#}\n{problems:#?}");
            assert_eq!(view["type_uid"], 200_400 + view["activity_id"].as_u64().unwrap());
        }
    }
    let mut broken = serde_json::to_value(DetectionFinding::raised(&detections[0])).unwrap();
    broken["severity_id"] = 17.into();
    assert!(!validator.is_valid(&broken), "the schema is one that can fail");
}

#[test]
fn the_view_says_what_the_finding_says() {
    let detections = detections();
    let view = serde_json::to_value(DetectionFinding::raised(&detections[0])).unwrap();
    assert_eq!(view["class_uid"], 2004);
    assert_eq!(
        (&view["severity_id"], &view["severity"]),
        (&3.into(), &"Medium".into())
    );
    assert_eq!(view["finding_info"]["uid"], detections[0].id.to_string());
    let attack = &view["finding_info"]["attacks"][0];
    assert_eq!(attack["technique"]["uid"], "T1110");
    assert_eq!(attack["sub_technique"]["uid"], "T1110.001");
    let data = &view["evidences"][0]["data"];
    assert_eq!(
        data["sequence_numbers"],
        serde_json::json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    );
    assert_eq!((&data["events"], &view["count"]), (&10.into(), &10.into()));
}
