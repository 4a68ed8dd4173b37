//! OCSF 1.5: <https://schema.ocsf.io/1.5.0/>.

use serde_json::{Map, Value, json};
use vutf_kernel::{Actor, Detail, Outcome, UserId};

use super::{
    Exported, Source, hex,
    kind::{Activity, Class, Kind},
};
use crate::Body;

/// The version of the schema.
const VERSION: &str = "1.5.0";

pub(super) fn record(record: &Exported, source: &Source) -> Value {
    let body = &record.body;
    let kind = Kind::of(body);
    let mut event = base(record, kind);
    event.insert("metadata".into(), metadata(record, source));
    event.insert("unmapped".into(), json!({"vutf": vutf(record)}));
    by_class(&mut event, body, kind.class);
    Value::Object(event)
}

/// What every class has.
fn base(record: &Exported, kind: Kind) -> Map<String, Value> {
    let body = &record.body;
    let (class, activity) = (kind.class, kind.activity);
    let severity = kind.severity_of(&body.outcome);
    let (category_uid, category_name) = class.category();
    let activity_name = activity.name.unwrap_or_else(|| verb(&body.action));
    let mut event = Map::new();
    let mut set = |name: &str, value: Value| event.insert(name.to_owned(), value);
    set("time", body.occurred_at.as_micros().div_euclid(1_000).into());
    set("category_uid", category_uid.into());
    set("category_name", category_name.into());
    set("class_uid", class.uid().into());
    set("class_name", class.name().into());
    set("activity_id", activity.id.into());
    set("activity_name", activity_name.into());
    set("type_uid", (class.uid() * 100 + u32::from(activity.id)).into());
    set("type_name", format!("{}: {activity_name}", class.name()).into());
    set("severity_id", severity.id().into());
    set("severity", severity.name().into());
    set(
        "message",
        format!("{}: {}", body.action, body.outcome.as_str()).into(),
    );
    if class.is_finding() {
        let (id, status) = handled(body, activity);
        set("status_id", id.into());
        set("status", status.into());
    } else {
        let success = matches!(body.outcome, Outcome::Success);
        set("status_id", if success { 1 } else { 2 }.into());
        set("status", if success { "Success" } else { "Failure" }.into());
    }
    if let Some(reason) = reason(&body.outcome) {
        set("status_code", reason.into());
        set("status_detail", body.outcome.as_str().into());
    }
    event
}

/// How far the handling of a finding has come: that is its status. A step that was refused does not tell.
fn handled(body: &Body, activity: Activity) -> (u8, &'static str) {
    match (activity.name, &body.outcome) {
        (Some("Update"), Outcome::Success) => (2, "In Progress"),
        (Some("Close"), Outcome::Success) => (4, "Resolved"),
        (Some("Update" | "Close"), _) => (0, "Unknown"),
        _ => (1, "New"),
    }
}

fn metadata(record: &Exported, source: &Source) -> Value {
    let body = &record.body;
    json!({
        "version": VERSION,
        "uid": body.id.to_string(),
        "sequence": record.seq,
        "event_code": body.action,
        "correlation_uid": body.request_id,
        "tenant_uid": body.organization_id.to_string(),
        "log_name": "audit",
        "log_provider": source.host,
        "product": {
            "name": Source::PRODUCT,
            "vendor_name": Source::VENDOR,
            "version": source.version,
        },
    })
}

/// What the schema has no place for, the chain above all.
pub(super) fn vutf(record: &Exported) -> Value {
    let body = &record.body;
    let sealed: Vec<&String> = body.private.keys().collect();
    let subjects: Vec<String> = body.subjects.iter().map(ToString::to_string).collect();
    json!({
        "seq": record.seq,
        "previous": hex(&record.previous),
        "leaf_hash": hex(&record.leaf_hash),
        "chain": hex(&record.chain),
        "pruned": record.is_tombstone(),
        "action": body.action,
        "outcome": body.outcome.as_str(),
        "actor": body.actor,
        "resource": body.resource,
        "subjects": subjects,
        "details": body.details,
        "sealed": sealed,
    })
}

fn by_class(event: &mut Map<String, Value>, body: &Body, class: Class) {
    let mut set = |name: &str, value: Value| {
        event.insert(name.to_owned(), value);
    };
    if class.is_finding() {
        set("finding_info", finding(body));
        set("evidences", json!([{"actor": actor(body)}]));
        set("resources", json!([resource(body)]));
    } else {
        set("actor", actor(body));
        set("src_endpoint", endpoint(body));
    }
    match class {
        Class::ComplianceFinding => set(
            "compliance",
            json!({"control": named(body, "control"), "status_code": body.outcome.as_str()}),
        ),
        Class::DetectionFinding => set("is_alert", true.into()),
        Class::AccountChange => set("user", affected(body)),
        Class::Authentication => {
            set("user", affected(body));
            set("service", json!({"name": Source::PRODUCT}));
            set("session", session(body));
        }
        Class::AuthorizeSession => {
            set("user", affected(body));
            set("session", session(body));
            set("privileges", privileges(body));
        }
        Class::EntityManagement => set("entity", resource(body)),
        Class::UserAccess => {
            set("user", affected(body));
            set("privileges", privileges(body));
            set("resources", json!([resource(body)]));
        }
        Class::GroupManagement => set("group", resource(body)),
        Class::ApiActivity => {
            set(
                "api",
                json!({
                    "operation": body.action,
                    "service": {"name": Source::PRODUCT},
                    "request": {"uid": body.request_id},
                }),
            );
            set("resources", json!([resource(body)]));
        }
        Class::DatastoreActivity => {
            // 3: a table; what is in it is named by its kind.
            set("type_id", 3.into());
            set("table", resource(body));
        }
    }
}

fn actor(body: &Body) -> Value {
    match &body.actor {
        Actor::Anonymous => json!({"user": {"name": "anonymous", "type_id": 0}}),
        Actor::User { user_id, session_id } => json!({
            "user": {"uid": user_id.to_string(), "type_id": 1},
            "session": {"uid": session_id.to_string()},
        }),
        Actor::ApiKey { user_id, key_id } => json!({
            "user": {"uid": user_id.to_string(), "type_id": 1, "credential_uid": key_id.to_string()},
        }),
        Actor::Operator => json!({"user": {"name": "operator", "type_id": 2}, "app_name": Source::PRODUCT}),
        Actor::System { job } => json!({
            "user": {"name": "system", "type_id": 3},
            "app_name": Source::PRODUCT,
            "invoked_by": &**job,
        }),
    }
}

/// Whose account it is about: the resource, else the first person whose data was touched, else who acts.
fn affected(body: &Body) -> Value {
    let resource = body.resource.id.filter(|_| body.resource.kind == "user");
    let subject = || body.subjects.first().map(UserId::as_uuid);
    let actor = || body.actor.user_id().map(|user| user.as_uuid());
    match resource.or_else(subject).or_else(actor) {
        Some(id) => json!({"uid": id.to_string(), "type_id": 1}),
        None => json!({"name": "unknown", "type_id": 0}),
    }
}

/// The address of origin is sealed; what a session or this machine is, is known.
fn endpoint(body: &Body) -> Value {
    match &body.actor {
        Actor::User { session_id, .. } => json!({"uid": session_id.to_string(), "name": "sealed"}),
        Actor::Anonymous | Actor::ApiKey { .. } => json!({"name": "sealed"}),
        Actor::Operator | Actor::System { .. } => json!({"svc_name": Source::PRODUCT}),
    }
}

fn session(body: &Body) -> Value {
    let resource = body.resource.id.filter(|_| body.resource.kind == "session");
    let acting = match &body.actor {
        Actor::User { session_id, .. } => Some(session_id.as_uuid()),
        _ => None,
    };
    resource
        .or(acting)
        .map_or_else(|| json!({}), |id| json!({"uid": id.to_string()}))
}

/// A thing by its kind, and by its id if it is one thing.
fn resource(body: &Body) -> Value {
    match body.resource.id {
        Some(id) => json!({"name": body.resource.kind, "uid": id.to_string()}),
        None => json!({"name": body.resource.kind}),
    }
}

fn privileges(body: &Body) -> Value {
    let listed = ["roles", "privileges", "permissions"]
        .iter()
        .find_map(|name| body.details.get(*name));
    match listed {
        Some(Detail::List(names)) => json!(names),
        Some(Detail::Text(name)) => json!([name]),
        _ => json!([]),
    }
}

fn finding(body: &Body) -> Value {
    let uid = body.resource.id.unwrap_or_else(|| body.id.as_uuid());
    json!({
        "uid": uid.to_string(),
        "title": named(body, "rule"),
        "created_time": body.occurred_at.as_micros().div_euclid(1_000),
        "types": [body.action],
    })
}

/// A detail by name; the action where there is none.
fn named(body: &Body, name: &str) -> String {
    match body.details.get(name) {
        Some(Detail::Text(text)) => text.clone(),
        _ => body.action.clone(),
    }
}

pub(super) fn reason(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Success => None,
        Outcome::Refused { reason } | Outcome::Failed { reason } => Some(reason),
    }
}

/// What follows the last dot.
pub(super) fn verb(action: &str) -> &str {
    action
        .rsplit('.')
        .next()
        .filter(|verb| !verb.is_empty())
        .unwrap_or("other")
}
