//! The audit log, for reading.

pub(crate) mod event;
pub(crate) mod events;
pub(crate) mod exports;
pub(crate) mod findings;
pub(crate) mod holds;
pub(crate) mod log;
pub(crate) mod proof;
pub(crate) mod query;
pub(crate) mod retention;
pub(crate) mod rules;
pub(crate) mod status;
pub(crate) mod timeline;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_audit::{Body, Record, access::LISTED_SUBJECTS, parse_body};
use vutf_kernel::{Actor, Detail, UserId};

use crate::http::problem::Problem;

/// An event as the log holds it. Personal parts are shown by name only.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct EventBody {
    /// Its id.
    id: Uuid,
    /// Its place in the log; `null` until it is sequenced.
    seq: Option<i64>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    occurred_at: String,
    /// Under which request.
    request_id: String,
    /// Who: `type` is `anonymous`, `user`, `operator` or `system`.
    #[schema(value_type = Object, example = json!({"type": "anonymous"}))]
    actor: Actor,
    /// What kind of event.
    #[schema(example = "user.lock")]
    action: String,
    /// On what.
    resource: ResourceBody,
    /// How it ended.
    outcome: OutcomeBody,
    /// Whose personal data was touched; in a list the first 20 of them.
    #[schema(value_type = Vec<Uuid>)]
    subjects: Vec<UserId>,
    /// How many people's data was touched.
    subject_count: usize,
    /// Facts that are not personal.
    #[schema(value_type = Object)]
    details: BTreeMap<String, Detail>,
    /// Names of the sealed parts.
    sealed: Vec<String>,
    /// SHA-256 of the entry (RFC 6962), in hex.
    leaf_hash: Option<String>,
    /// The chain's hash after the entry, in hex.
    chain: Option<String>,
}

/// What was acted on.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditResource)]
pub(crate) struct ResourceBody {
    /// E.g. `user`.
    kind: String,
    /// Its id, if it is one object.
    id: Option<Uuid>,
}

/// How it ended.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditOutcome)]
pub(crate) struct OutcomeBody {
    /// `success`, `refused` or `failed`.
    #[schema(example = "refused")]
    result: String,
    /// A stable word, if it was not done.
    reason: Option<String>,
}

impl EventBody {
    /// An entry that cannot be read is a finding for `audit verify`, and a failure here.
    pub(crate) fn read(record: &Record) -> Result<Self, Problem> {
        let body = parse_body(&record.intake.body).map_err(Problem::internal)?;
        Ok(Self::new(body, record))
    }

    /// The same as one of many: it names no more people than the record of the look does.
    pub(crate) fn listed(record: &Record) -> Result<Self, Problem> {
        let mut body = Self::read(record)?;
        body.subjects.truncate(LISTED_SUBJECTS);
        Ok(body)
    }

    fn new(body: Body, record: &Record) -> Self {
        let leaf = record.leaf.as_ref();
        let result = body.outcome.as_str().to_owned();
        let reason = body.outcome.reason().map(str::to_owned);
        Self {
            id: body.id.as_uuid(),
            seq: leaf.map(|leaf| leaf.seq),
            occurred_at: body.occurred_at.rfc3339(),
            request_id: body.request_id,
            actor: body.actor,
            action: body.action,
            resource: ResourceBody {
                kind: body.resource.kind.into_owned(),
                id: body.resource.id,
            },
            outcome: OutcomeBody { result, reason },
            subject_count: body.subjects.len(),
            subjects: body.subjects,
            details: body.details,
            sealed: body.private.into_keys().collect(),
            leaf_hash: leaf.map(|leaf| hex::encode(leaf.leaf_hash)),
            chain: leaf.map(|leaf| hex::encode(leaf.chain)),
        }
    }
}
