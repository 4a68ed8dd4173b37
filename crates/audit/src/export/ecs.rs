//! Elastic Common Schema 8.17: <https://www.elastic.co/guide/en/ecs/8.17/>. What it has no field for stands under `vutf`.

use serde_json::{Map, Value, json};
use vutf_kernel::{Actor, Outcome, UserId};

use super::{
    Exported, Source,
    kind::{Class, Kind},
    ocsf,
};
use crate::Body;

/// The version of the schema.
const VERSION: &str = "8.17.0";

pub(super) fn record(record: &Exported, source: &Source) -> Value {
    let body = &record.body;
    let kind = Kind::of(body);
    let mut document = json!({
        "@timestamp": body.occurred_at.rfc3339(),
        "ecs": {"version": VERSION},
        "message": format!("{}: {}", body.action, body.outcome.as_str()),
        "event": event(record, kind),
        "organization": {"id": body.organization_id.to_string()},
        "service": {"name": Source::PRODUCT, "type": "violentutf", "version": source.version},
        "host": {"name": source.host},
        "observer": {"vendor": Source::VENDOR, "product": Source::PRODUCT, "version": source.version},
        "http": {"request": {"id": body.request_id}},
        "vutf": ocsf::vutf(record),
    });
    let user = user(body);
    if let Some(document) = document.as_object_mut() {
        if !user.is_empty() {
            document.insert("user".into(), Value::Object(user));
        }
        let related = related(body);
        if !related.is_empty() {
            document.insert("related".into(), json!({"user": related}));
        }
    }
    document
}

fn event(record: &Exported, kind: Kind) -> Value {
    let body = &record.body;
    let (category, of_type) = categories(kind);
    let mut event = json!({
        "kind": if kind.class == Class::DetectionFinding { "alert" } else { "event" },
        "category": category,
        "type": of_type,
        "action": body.action,
        "outcome": match body.outcome {
            Outcome::Success => "success",
            Outcome::Refused { .. } | Outcome::Failed { .. } => "failure",
        },
        "id": body.id.to_string(),
        "sequence": record.seq,
        "module": "violentutf",
        "dataset": "violentutf.audit",
        "provider": Source::PRODUCT,
        "code": kind.class.uid().to_string(),
        "severity": kind.severity_of(&body.outcome).id(),
    });
    if let (Some(reason), Some(event)) = (ocsf::reason(&body.outcome), event.as_object_mut()) {
        event.insert("reason".into(), reason.into());
    }
    event
}

/// `event.category` and `event.type`, in the pairs that the schema allows.
fn categories(kind: Kind) -> (&'static [&'static str], Vec<&'static str>) {
    let done = match kind.activity.name {
        Some("Create") => "creation",
        Some("Delete") => "deletion",
        _ => "change",
    };
    match kind.class {
        Class::Authentication => (
            &["authentication", "session"],
            vec![match kind.activity.name {
                Some("Logon") => "start",
                Some("Logoff") => "end",
                _ => "info",
            }],
        ),
        Class::AuthorizeSession => (&["session"], vec!["info"]),
        Class::AccountChange => (&["iam"], vec!["user", done]),
        Class::UserAccess => (&["iam"], vec!["user", "admin", "change"]),
        Class::GroupManagement => (&["iam"], vec!["group", done]),
        Class::EntityManagement => (
            &["configuration"],
            vec![if kind.activity.name == Some("Read") {
                "access"
            } else {
                done
            }],
        ),
        Class::DatastoreActivity => (
            &["database"],
            vec![match kind.activity.name {
                Some("Read" | "Query" | "List" | "Encrypt" | "Decrypt" | "Connect") => "access",
                _ => "change",
            }],
        ),
        Class::ApiActivity => (&["api"], vec!["info"]),
        Class::DetectionFinding => (&["intrusion_detection"], vec!["info"]),
        Class::ComplianceFinding => (&["configuration"], vec!["info"]),
    }
}

fn user(body: &Body) -> Map<String, Value> {
    let mut user = Map::new();
    match &body.actor {
        Actor::User { user_id, .. } | Actor::ApiKey { user_id, .. } => {
            user.insert("id".into(), user_id.to_string().into())
        }
        // Of somebody who has not proved who they are, whose account they tried is what is searched for.
        Actor::Anonymous => body
            .subjects
            .first()
            .and_then(|subject| user.insert("id".into(), subject.to_string().into())),
        other => user.insert("name".into(), other.kind().into()),
    };
    let target = body.resource.id.filter(|_| body.resource.kind == "user");
    if let Some(id) = target {
        user.insert("target".into(), json!({"id": id.to_string()}));
    }
    user
}

fn related(body: &Body) -> Vec<String> {
    let resource = body.resource.id.filter(|_| body.resource.kind == "user");
    let actor = body.actor.user_id().map(|user| user.as_uuid());
    let subjects = body.subjects.iter().map(UserId::as_uuid);
    let mut ids: Vec<_> = subjects.chain(resource).chain(actor).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.iter().map(ToString::to_string).collect()
}
