//! Logs of the OpenTelemetry protocol 1.x, as the JSON encoding of `ExportLogsServiceRequest`.
//!
//! By hand: the crates of OpenTelemetry would put records through their own pipeline, which drops what its queue cannot hold
//! and acknowledges nothing; and they take instants from the machine.

use serde_json::{Value, json};
use vutf_kernel::Actor;

use super::{
    Exported, Source, hex,
    kind::{Kind, Severity},
    ocsf,
};

/// One request with all of `records`.
pub fn request(records: &[Exported], source: &Source) -> Value {
    let logs: Vec<Value> = records.iter().map(|record| log(record, source)).collect();
    json!({
        "resourceLogs": [{
            "resource": {"attributes": [
                text("service.name", Source::PRODUCT),
                text("service.version", &source.version),
                text("host.name", &source.host),
            ]},
            "scopeLogs": [{
                "scope": {"name": "vutf.audit", "version": source.version},
                "logRecords": logs,
            }],
        }],
    })
}

fn log(record: &Exported, source: &Source) -> Value {
    let body = &record.body;
    let (number, word) = severity(Kind::of(body).severity_of(&body.outcome));
    // Whole numbers of 64 bits are text in the JSON encoding of protobuf.
    let nanos = (i128::from(body.occurred_at.as_micros()) * 1_000).to_string();
    let mut attributes = vec![
        whole("vutf.seq", record.seq),
        text("vutf.previous", &hex(&record.previous)),
        text("vutf.leaf_hash", &hex(&record.leaf_hash)),
        text("vutf.chain", &hex(&record.chain)),
        text("vutf.action", &body.action),
        text("vutf.outcome", body.outcome.as_str()),
        text("vutf.request_id", &body.request_id),
        text("vutf.tenant", &body.organization_id.to_string()),
        text("vutf.actor", body.actor.kind()),
        text("log.record.uid", &body.id.to_string()),
    ];
    if let Some(user) = body.actor.user_id() {
        attributes.push(text("user.id", &user.to_string()));
    }
    match &body.actor {
        Actor::User { session_id, .. } => attributes.push(text("session.id", &session_id.to_string())),
        Actor::ApiKey { key_id, .. } => attributes.push(text("vutf.api_key_id", &key_id.to_string())),
        Actor::Anonymous | Actor::Operator | Actor::System { .. } => {}
    }
    json!({
        "timeUnixNano": nanos,
        "observedTimeUnixNano": nanos,
        "severityNumber": number,
        "severityText": word,
        "eventName": body.action,
        "body": {"stringValue": ocsf::record(record, source).to_string()},
        "attributes": attributes,
    })
}

/// `SeverityNumber`: 9 is INFO, 10 INFO2, 13 WARN, 17 ERROR, 21 FATAL.
fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Informational => (9, "INFO"),
        Severity::Low => (10, "INFO2"),
        Severity::Medium => (13, "WARN"),
        Severity::High => (17, "ERROR"),
        Severity::Critical => (21, "FATAL"),
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn whole(key: &str, value: i64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}
