//! Events of every class against the schemas of OCSF 1.5.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use jsonschema::Validator;
use serde_json::{Value, json};
use uuid::Uuid;
use vutf_audit::{
    Body,
    export::{Class, Exported, Format, kind_of},
};
use vutf_kernel::{Actor, Detail, Outcome, Resource, SessionId};

use super::{actions, body, exported, hex, source};
use crate::world::user;

fn validators() -> BTreeMap<u64, Validator> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ocsf");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            let uid = schema["properties"]["class_uid"]["const"].as_u64().unwrap();
            (uid, jsonschema::validator_for(&schema).unwrap())
        })
        .collect()
}

fn faults(validators: &BTreeMap<u64, Validator>, record: &Value) -> Vec<String> {
    let class = record["class_uid"].as_u64().unwrap();
    let faults = validators[&class].iter_errors(record);
    faults
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Everything that an event of one action may look like.
fn shapes(action: &str) -> Vec<Body> {
    let session_id = SessionId::from_uuid(Uuid::from_u128(9));
    let actors = [
        Actor::Anonymous,
        Actor::User {
            user_id: user(3),
            session_id,
        },
        Actor::Operator,
        Actor::System { job: "sweep".into() },
    ];
    let outcomes = [
        Outcome::Success,
        Outcome::refused("locked"),
        Outcome::Failed {
            reason: "unavailable".into(),
        },
    ];
    let resources = [Resource::kind("audit"), Resource::one("user", Uuid::from_u128(5))];
    let details = [
        BTreeMap::new(),
        [
            ("roles".to_owned(), Detail::List(vec!["admin".into()])),
            ("rule".to_owned(), Detail::Text("mass_read".into())),
            ("control".to_owned(), Detail::Text("AU-9".into())),
            ("yes".to_owned(), Detail::Bool(true)),
        ]
        .into(),
    ];
    let mut shapes = Vec::new();
    for actor in &actors {
        for outcome in &outcomes {
            for resource in &resources {
                for details in &details {
                    shapes.push(Body {
                        actor: actor.clone(),
                        outcome: outcome.clone(),
                        resource: resource.clone(),
                        details: details.clone(),
                        subjects: if details.is_empty() { vec![] } else { vec![user(1)] },
                        ..body(action)
                    });
                }
            }
        }
    }
    shapes
}

fn ocsf(record: &Exported) -> Value {
    serde_json::from_str(&Format::Ocsf.line(record, &source())).unwrap()
}

/// The program's own actions, and one of each family that it will have.
fn wide() -> BTreeSet<String> {
    let more = [
        "step_up.verify",
        "role.create",
        "role.delete",
        "grant.revoke",
        "compliance.assess",
        "made.up",
        "",
    ];
    actions::all()
        .into_iter()
        .chain(more.map(str::to_owned))
        .collect()
}

#[test]
fn every_action_outcome_and_actor_validates_against_the_schema_of_its_class() {
    let validators = validators();
    assert_eq!(validators.len(), Class::ALL.len());
    let (mut seen, mut checked) = (BTreeSet::new(), 0);
    for action in wide() {
        for body in shapes(&action) {
            let record = ocsf(&exported(body));
            let wrong = faults(&validators, &record);
            assert!(wrong.is_empty(), "{action}: {wrong:#?}\n{record:#}");
            seen.insert(record["class_uid"].as_u64().unwrap());
            checked += 1;
        }
    }
    assert_eq!(seen.len(), 10, "every class: {seen:?}");
    assert!(checked > 4_000, "{checked}");
}

#[test]
fn every_activity_of_every_class_is_one_that_the_schema_knows_and_names() {
    let validators = validators();
    for action in wide() {
        let class = kind_of(&action).class;
        for id in 0..=u8::MAX {
            let activity = class.activity(id);
            let mut record = ocsf(&exported(body(&action)));
            record["activity_id"] = json!(activity.id);
            record["type_uid"] = json!(class.uid() * 100 + u32::from(activity.id));
            assert_eq!(
                faults(&validators, &record),
                Vec::<String>::new(),
                "{class:?} {id}"
            );
        }
        if action.is_empty() {
            break;
        }
    }
}

#[test]
fn a_record_that_is_wrong_is_found_wrong() {
    let validators = validators();
    let good = ocsf(&exported(body("user.lock")));
    assert_eq!(faults(&validators, &good), Vec::<String>::new());
    let mut wrong = good.clone();
    wrong["activity_id"] = json!(98);
    assert!(!faults(&validators, &wrong).is_empty());
    let mut wrong = good.clone();
    wrong.as_object_mut().unwrap().remove("user");
    assert!(!faults(&validators, &wrong).is_empty());
    let mut wrong = good;
    wrong["seq"] = json!(1);
    assert!(
        !faults(&validators, &wrong).is_empty(),
        "no member of our own at the top"
    );
}

#[test]
fn what_the_record_says_is_what_the_entry_says() {
    let record = exported(Body {
        actor: Actor::User {
            user_id: user(3),
            session_id: SessionId::from_uuid(Uuid::from_u128(9)),
        },
        outcome: Outcome::refused("locked"),
        ..body("user.lock")
    });
    let said = ocsf(&record);
    assert_eq!(said["metadata"]["uid"], record.body.id.to_string());
    assert_eq!(said["metadata"]["sequence"], 41);
    assert_eq!(said["metadata"]["version"], "1.5.0");
    assert_eq!(said["type_uid"], 300_109);
    assert_eq!(said["type_name"], "Account Change: Lock");
    assert_eq!(
        (&said["status_id"], &said["status_code"]),
        (&json!(2), &json!("locked"))
    );
    assert_eq!(said["severity_id"], 2);
    assert_eq!(said["time"], 1_795_255_200_000_i64);
    assert_eq!(said["actor"]["user"]["uid"], user(3).to_string());
    assert_eq!(said["user"]["uid"], user(5).to_string());
    let vutf = &said["unmapped"]["vutf"];
    assert_eq!(vutf["seq"], 41);
    assert_eq!(vutf["previous"], hex(&record.previous));
    assert_eq!(vutf["leaf_hash"], hex(&record.leaf_hash));
    assert_eq!(vutf["chain"], hex(&record.chain));
    assert_eq!(vutf["sealed"], json!(["source_ip"]));
}

#[test]
fn what_was_found_is_a_finding_as_grave_as_its_rule_says_and_its_handling_is_told() {
    let line = |action: &str, severity: Option<&str>, format: Format| {
        let severity = severity.map(|word| ("severity".to_owned(), Detail::Text(word.into())));
        let body = Body {
            details: severity.into_iter().collect(),
            ..body(action)
        };
        format.line(&exported(body), &source())
    };
    let said = |action: &str, severity: Option<&str>| -> Value {
        serde_json::from_str(&line(action, severity, Format::Ocsf)).unwrap()
    };
    for (word, id) in [("informational", 1), ("medium", 3), ("critical", 5)] {
        let finding = said("audit.finding", Some(word));
        assert_eq!(finding["class_uid"], 2004);
        assert_eq!(
            (&finding["severity_id"], &finding["is_alert"]),
            (&json!(id), &json!(true))
        );
        assert_eq!(finding["status"], "New");
    }
    assert_eq!(said("audit.finding", None)["severity_id"], 4);
    assert_eq!(
        said("user.lock", Some("critical"))["severity_id"],
        2,
        "a detail of another event"
    );
    assert_eq!(said("audit.witness.conflict", None)["type_uid"], 200_401);
    assert_eq!(said("audit.finding.acknowledge", None)["status_id"], 2);
    assert_eq!(said("audit.finding.resolve", None)["type_uid"], 200_403);
    assert_eq!(said("audit.finding.resolve", None)["status_id"], 4);
    assert!(line("audit.finding", Some("critical"), Format::Cef).contains("|10|"));
    assert!(line("audit.finding", Some("critical"), Format::Ecs).contains("\"kind\":\"alert\""));
}

#[test]
fn a_tombstone_is_an_event_of_a_class_and_holds_the_chain() {
    let validators = validators();
    let tombstone = super::follow::tombstone();
    let record = ocsf(&tombstone);
    assert_eq!(faults(&validators, &record), Vec::<String>::new());
    assert_eq!(record["unmapped"]["vutf"]["pruned"], true);
    assert_eq!(record["metadata"]["sequence"], tombstone.seq);
}
