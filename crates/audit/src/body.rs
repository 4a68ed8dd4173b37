//! The entry: one event as canonical bytes, and the way back.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use vutf_kernel::{Actor, Detail, EventId, OrganizationId, Outcome, Resource, Timestamp, UserId};

use crate::canonical::{MAX_EXACT, Members, Value, sorts_alike};

/// The version of the shape, member `v`.
const VERSION: u64 = 1;

/// What an entry says. Every field of NIST SP 800-53 AU-3 is here; PII is here only as commitments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The event.
    pub id: EventId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// In which tenant.
    pub organization_id: OrganizationId,
    /// Under which request.
    pub request_id: String,
    /// Who acted.
    pub actor: Actor,
    /// What kind of event, `resource.verb`.
    pub action: String,
    /// On what.
    pub resource: Resource,
    /// How it ended.
    pub outcome: Outcome,
    /// Whose personal data was touched; sorted, each once.
    pub subjects: Vec<UserId>,
    /// Facts that are not PII. A number beyond ±(2^53 - 1) is written as text.
    pub details: BTreeMap<String, Detail>,
    /// The commitment to each sealed part, by name.
    pub private: BTreeMap<String, [u8; 32]>,
}

/// Why bytes are not an entry.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Not JSON, or not of this shape.
    #[error("not an audit entry: {0}")]
    Shape(#[from] serde_json::Error),
    /// A later version wrote it.
    #[error("audit entry of unknown version {0}")]
    Version(u64),
    /// `occurred_at` is no instant.
    #[error("`occurred_at` is not an RFC 3339 timestamp")]
    Timestamp,
    /// A member of `private` is not 32 bytes in base64url.
    #[error("`private.{0}` is not a commitment")]
    Commitment(String),
    /// A number that not every reader keeps exactly.
    #[error("`details.{0}` is beyond ±(2^53 - 1)")]
    Number(String),
}

/// Reads an entry. It need not be canonical: compare with [`Body::to_bytes`] for that.
///
/// # Errors
/// [`BodyError`]: it is not such JSON, of another version, or has a member that no event has so.
pub fn parse_body(bytes: &[u8]) -> Result<Body, BodyError> {
    match serde_json::from_slice::<Wire>(bytes) {
        Ok(wire) if wire.v == VERSION => wire.into_body(),
        Ok(wire) => Err(BodyError::Version(wire.v)),
        Err(error) => Err(match serde_json::from_slice::<Versioned>(bytes) {
            Ok(found) if found.v != VERSION => BodyError::Version(found.v),
            _ => BodyError::Shape(error),
        }),
    }
}

impl Body {
    /// The canonical bytes (RFC 8785). Equal bodies give equal bytes, on every machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = String::with_capacity(USUAL);
        let mut entry = Members::begin(&mut out);
        entry.text("action", &self.action);
        write_actor(&self.actor, entry.name("actor"));
        let details = self.details.iter();
        write_named(details, entry.name("details"), |name, detail, members| {
            members.value(name, &detail_value(detail));
        });
        entry.plain("id", self.id);
        entry.plain("occurred_at", self.occurred_at.rfc3339());
        entry.plain("organization_id", self.organization_id);
        write_outcome(&self.outcome, entry.name("outcome"));
        let private = self.private.iter();
        write_named(private, entry.name("private"), |name, hash, members| {
            members.plain(name, URL_SAFE_NO_PAD.encode(hash));
        });
        entry.text("request_id", &self.request_id);
        write_resource(&self.resource, entry.name("resource"));
        write_ids(&self.subjects, entry.name("subjects"));
        entry.value("v", &Value::Number(1));
        entry.end();
        out.into_bytes()
    }
}

/// Bytes of most entries, at most.
const USUAL: usize = 1_024;

fn write_actor(actor: &Actor, out: &mut String) {
    let mut members = Members::begin(out);
    match actor {
        Actor::Anonymous | Actor::Operator => members.plain("type", actor.kind()),
        Actor::User { user_id, session_id } => {
            members.plain("session_id", session_id);
            members.plain("type", actor.kind());
            members.plain("user_id", user_id);
        }
        Actor::ApiKey { user_id, key_id } => {
            members.plain("key_id", key_id);
            members.plain("type", actor.kind());
            members.plain("user_id", user_id);
        }
        Actor::System { job } => {
            members.text("job", job);
            members.plain("type", actor.kind());
        }
    }
    members.end();
}

fn write_resource(resource: &Resource, out: &mut String) {
    let mut members = Members::begin(out);
    if let Some(id) = resource.id {
        members.plain("id", id);
    }
    members.text("kind", &resource.kind);
    members.end();
}

fn write_outcome(outcome: &Outcome, out: &mut String) {
    let mut members = Members::begin(out);
    if let Outcome::Refused { reason } | Outcome::Failed { reason } = outcome {
        members.text("reason", reason);
    }
    members.plain("result", outcome.as_str());
    members.end();
}

fn write_ids(ids: &[UserId], out: &mut String) {
    out.push('[');
    for (at, id) in ids.iter().enumerate() {
        out.push_str(if at > 0 { ",\"" } else { "\"" });
        out.push_str(
            id.as_uuid()
                .hyphenated()
                .encode_lower(&mut uuid::Uuid::encode_buffer()),
        );
        out.push('"');
    }
    out.push(']');
}

/// Names of a map are sorted as UTF-8.
fn write_named<'a, T: 'a>(
    named: impl Iterator<Item = (&'a String, &'a T)>,
    out: &mut String,
    mut write: impl FnMut(&str, &T, &mut Members<'_>),
) {
    let mut named: Vec<_> = named.collect();
    if !named.iter().all(|(name, _)| sorts_alike(name)) {
        named.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    }
    let mut members = Members::begin(out);
    for (name, value) in named {
        write(name, value, &mut members);
    }
    members.end();
}

fn detail_value(detail: &Detail) -> Value<'_> {
    match detail {
        Detail::Bool(yes) => Value::Bool(*yes),
        Detail::Number(number) => Value::Number(*number),
        Detail::Text(text) => Value::text(text.as_str()),
        Detail::List(items) => Value::List(items.iter().map(|item| Value::text(item.as_str())).collect()),
    }
}

#[derive(Deserialize)]
struct Versioned {
    v: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u64,
    id: EventId,
    occurred_at: String,
    organization_id: OrganizationId,
    request_id: String,
    actor: Actor,
    action: String,
    resource: Resource,
    outcome: Outcome,
    subjects: Vec<UserId>,
    details: BTreeMap<String, Detail>,
    private: BTreeMap<String, String>,
}

impl Wire {
    fn into_body(self) -> Result<Body, BodyError> {
        if let Some((name, _)) = self.details.iter().find(|(_, detail)| is_inexact(detail)) {
            return Err(BodyError::Number(name.clone()));
        }
        Ok(Body {
            id: self.id,
            occurred_at: parse_instant(&self.occurred_at).ok_or(BodyError::Timestamp)?,
            organization_id: self.organization_id,
            request_id: self.request_id,
            actor: self.actor,
            action: self.action,
            resource: self.resource,
            outcome: self.outcome,
            subjects: self.subjects,
            details: self.details,
            private: self
                .private
                .into_iter()
                .map(|(name, text)| match parse_commitment(&text) {
                    Some(hash) => Ok((name, hash)),
                    None => Err(BodyError::Commitment(name)),
                })
                .collect::<Result<_, _>>()?,
        })
    }
}

/// `Timestamp::rfc3339` writes instants outside the years 0 to 9999 as `@…us`; they must read back as well.
fn parse_instant(text: &str) -> Option<Timestamp> {
    let micros = text.strip_prefix('@').and_then(|rest| rest.strip_suffix("us"));
    match micros {
        Some(micros) => micros.parse().ok().map(Timestamp::from_micros),
        None => Timestamp::parse_rfc3339(text),
    }
}

fn parse_commitment(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn is_inexact(detail: &Detail) -> bool {
    matches!(detail, Detail::Number(n) if !(-MAX_EXACT..=MAX_EXACT).contains(n))
}

/// The event's facts in the form that an entry can hold.
pub(crate) fn exact_details(details: BTreeMap<Cow<'static, str>, Detail>) -> BTreeMap<String, Detail> {
    details
        .into_iter()
        .map(|(name, detail)| match detail {
            Detail::Number(n) if is_inexact(&detail) => (name.into_owned(), Detail::Text(n.to_string())),
            exact => (name.into_owned(), exact),
        })
        .collect()
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
