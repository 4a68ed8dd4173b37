//! `keys show` to `keys reject`: the life of one key. Whoever has a shell is one person, however often they log in: what needs
//! two persons cannot be asked for and approved from here alone.

use std::fmt::Write as _;

use serde_json::{Value, json};
use vutf_app::keys::{Destruction, KeyView, KeysError, NewKey};
use vutf_crypto_keys::{Approval, KeyRecord, KeyState, Reason, Transition};
use vutf_kernel::{ApprovalId, KeyId, Timestamp};

use super::{
    answer::table,
    args::Why,
    failure::{Failure, Outcome},
    keys::described,
    output::Output,
    start,
};
use crate::service::Service;

pub(super) async fn show(service: &Service, id: KeyId, out: &mut Output) -> Outcome {
    let view = service.keys().get(&start::operator(service), id).await;
    let view = view.map_err(|error| told(&error))?;
    let mut value = described(&view.record);
    value["minimum_version"] = json!(view.minimum_version);
    value["usage"] = json!({"messages": view.usage.messages, "bytes": view.usage.bytes});
    value["transitions"] = view.transitions.iter().map(line).collect();
    Ok(out.answer(&page(&view), &value)?)
}

pub(super) async fn create(service: &Service, new: NewKey, out: &mut Output) -> Outcome {
    let made = service.keys().create(&start::operator(service), new).await;
    let made = made.map_err(|error| told(&error))?;
    let text = format!(
        "The key for {} has version {}, and is {}. Its id: {}",
        made.purpose, made.version, made.state, made.id
    );
    Ok(out.answer(&text, &described(&made))?)
}

pub(super) async fn transition(
    service: &Service,
    id: KeyId,
    next: KeyState,
    why: &Why,
    out: &mut Output,
) -> Outcome {
    let (ctx, reason) = (start::operator(service), reason(why)?);
    let done = service.keys().transition(&ctx, id, next, &reason).await;
    let done = done.map_err(|error| told(&error))?;
    Ok(out.answer(&now_is(&done), &described(&done))?)
}

pub(super) async fn destroy(service: &Service, id: KeyId, why: &Why, out: &mut Output) -> Outcome {
    let (ctx, reason) = (start::operator(service), reason(why)?);
    let asked = service.keys().request_destruction(&ctx, id, &reason).await;
    match asked.map_err(|error| told(&error))? {
        Destruction::Destroyed(record) => Ok(out.answer(&now_is(&record), &described(&record))?),
        Destruction::Pending(request) => {
            let text = format!(
                "Request {} waits for another person until {}: somebody with the permission keys:manage approves it by \
                 POST /api/v1/keys/requests/{}/approve. The operator cannot, having asked.",
                request.id, request.expires_at, request.id
            );
            Ok(out.answer(&text, &asked_for(&request, service.ambient.now()))?)
        }
    }
}

pub(super) async fn requests(service: &Service, out: &mut Output) -> Outcome {
    let requests = service.keys().requests(&start::operator(service)).await;
    let requests = requests.map_err(|error| told(&error))?;
    let now = service.ambient.now();
    let row = |request: &Approval| {
        [
            request.id.to_string(),
            request.subject_id.to_string(),
            request.state_at(now).to_string(),
            request.reason.code().to_string(),
            request.requested_by.to_string(),
            request.expires_at.rfc3339(),
            request.reason.note().unwrap_or_default().to_owned(),
        ]
    };
    let rows: Vec<_> = requests.iter().map(row).collect();
    let text = table(
        ["ID", "KEY", "STATE", "REASON", "ASKED BY", "UNTIL", "NOTE"],
        &rows,
    );
    let value: Vec<Value> = requests.iter().map(|request| asked_for(request, now)).collect();
    Ok(out.answer(&text, &json!({"requests": value}))?)
}

pub(super) async fn approve(service: &Service, id: ApprovalId, out: &mut Output) -> Outcome {
    let done = service.keys().approve(&start::operator(service), id).await;
    let record = done.map_err(|error| told(&error))?;
    Ok(out.answer(&now_is(&record), &described(&record))?)
}

pub(super) async fn reject(service: &Service, id: ApprovalId, out: &mut Output) -> Outcome {
    let done = service.keys().reject(&start::operator(service), id).await;
    let request = done.map_err(|error| told(&error))?;
    let text = format!("Request {} is {}.", request.id, request.state);
    Ok(out.answer(&text, &asked_for(&request, service.ambient.now()))?)
}

/// The reason on the command line.
fn reason(why: &Why) -> Result<Reason, Failure> {
    Reason::new(why.reason, why.note.as_deref()).map_err(|error| Failure::Usage(format!("--note: {error}")))
}

/// A failure that says where to look.
fn told(error: &KeysError) -> Failure {
    match error {
        KeysError::NotFound => {
            Failure::Failed("there is no such key; `violentutf-api keys list` shows all ids".into())
        }
        other => Failure::of(other),
    }
}

fn now_is(record: &KeyRecord) -> String {
    format!(
        "Key {} ({}, version {}) is {} now. A service that runs knows within a minute.",
        record.id, record.purpose, record.version, record.state
    )
}

fn page(view: &KeyView) -> String {
    let record = &view.record;
    let at = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), Timestamp::rfc3339);
    let facts = [
        ("id", record.id.to_string()),
        ("purpose", record.purpose.to_string()),
        (
            "version",
            format!("{} (refused below {})", record.version, view.minimum_version),
        ),
        ("state", record.state.to_string()),
        ("algorithm", record.algorithm.to_string()),
        ("wrapped by", record.wrapped_by.to_string()),
        ("made", record.created_at.rfc3339()),
        ("active since", at(record.activated_at)),
        ("rotation due", at(record.not_after)),
        ("revision", record.revision.to_string()),
        (
            "protected",
            format!("{} messages, {} bytes", view.usage.messages, view.usage.bytes),
        ),
    ];
    let mut text = String::new();
    for (name, fact) in facts {
        let _infallible = writeln!(text, "{name:13} {fact}");
    }
    let row = |line: &Transition| {
        [
            line.at.rfc3339(),
            line.from.map_or_else(|| "-".to_owned(), |from| from.to_string()),
            line.to.to_string(),
            line.actor_id.map_or_else(
                || line.actor_kind.clone(),
                |id| format!("{} {id}", line.actor_kind),
            ),
            line.reason.code().to_string(),
            line.reason.note().unwrap_or_default().to_owned(),
        ]
    };
    let rows: Vec<_> = view.transitions.iter().map(row).collect();
    format!(
        "{text}\n{}",
        table(["AT", "FROM", "TO", "BY", "REASON", "NOTE"], &rows)
    )
}

fn line(line: &Transition) -> Value {
    json!({
        "revision": line.revision,
        "from": line.from.map(KeyState::as_str),
        "to": line.to.as_str(),
        "at": line.at,
        "actor_kind": line.actor_kind,
        "actor_id": line.actor_id,
        "reason": line.reason.code().as_str(),
        "note": line.reason.note(),
        "event_id": line.event_id,
    })
}

fn asked_for(request: &Approval, now: Timestamp) -> Value {
    json!({
        "id": request.id,
        "action": request.action,
        "key_id": request.subject_id,
        "state": request.state_at(now).as_str(),
        "reason": request.reason.code().as_str(),
        "note": request.reason.note(),
        "requested_by": request.requested_by.to_string(),
        "requested_at": request.requested_at,
        "expires_at": request.expires_at,
        "decided_by": request.decided_by.map(|person| person.to_string()),
        "decided_at": request.decided_at,
    })
}
