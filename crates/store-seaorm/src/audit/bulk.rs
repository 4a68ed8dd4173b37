//! Many rows in one statement of PostgreSQL: an array a column, so that the text is the same however many rows there are, and
//! every connection keeps it prepared. VALUES with a parameter for each field of each row took twice the time to write and to
//! parse (`cargo xtask bench audit`).

use sea_orm::{DbBackend, Statement, Value, sea_query::ArrayType};
use vutf_audit::{Intake, Leaf, encode_parts};

/// An event's row and the references to whom it is about, which nothing ties together but this. In the order of the arrays: that
/// of `ord` is the order in which a transaction raised its events.
const APPEND: &str = "WITH referred AS (INSERT INTO audit_subject_ref (event_id, subject_id, organization_id) \
       SELECT * FROM UNNEST($15::uuid[], $16::uuid[], $17::uuid[])) \
     INSERT INTO audit_intake (id, occurred_at, organization_id, request_id, actor_kind, actor_id, action, \
       resource_kind, resource_id, outcome, body, parts, mac, reason) \
     SELECT e.id, e.occurred_at, e.organization_id, e.request_id, e.actor_kind, NULLIF(e.actor_id, '')::uuid, e.action, \
       e.resource_kind, NULLIF(e.resource_id, '')::uuid, e.outcome, e.body, e.parts, e.mac, \
       CASE WHEN e.reason = '' THEN NULL ELSE substr(e.reason, 2) END \
     FROM UNNEST($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], \
       $10::text[], $11::bytea[], $12::bytea[], $13::bytea[], $14::text[]) WITH ORDINALITY AS e (id, occurred_at, \
       organization_id, request_id, actor_kind, actor_id, action, resource_kind, resource_id, outcome, body, parts, mac, \
       reason, nth) \
     ORDER BY e.nth";

const PLACE: &str = "INSERT INTO audit_leaf (seq, event_id, leaf_hash, chain, xid, ord) \
     SELECT * FROM UNNEST($1::bigint[], $2::uuid[], $3::bytea[], $4::bytea[], $5::bigint[], $6::bigint[])";

/// The rows of events, each with its MAC, and whose data they touched.
pub(super) fn append(intakes: &[Intake], macs: Vec<Vec<u8>>) -> Statement {
    let pairs = || {
        intakes
            .iter()
            .flat_map(|intake| intake.subjects.iter().map(move |subject| (intake, subject)))
    };
    let id = |id: Option<uuid::Uuid>| id.map_or_else(String::new, |id| id.to_string());
    // What is there begins with a mark: an array has no place for what is not.
    let reason = |reason: &Option<String>| {
        reason
            .as_ref()
            .map_or_else(String::new, |reason| format!("={reason}"))
    };
    let values = [
        uuids(intakes.iter().map(|intake| intake.id.as_uuid())),
        numbers(intakes.iter().map(|intake| intake.occurred_at.as_micros())),
        uuids(intakes.iter().map(|intake| intake.organization_id.as_uuid())),
        texts(intakes.iter().map(|intake| intake.request_id.clone())),
        texts(intakes.iter().map(|intake| intake.actor_kind.clone())),
        texts(intakes.iter().map(|intake| id(intake.actor_id))),
        texts(intakes.iter().map(|intake| intake.action.clone())),
        texts(intakes.iter().map(|intake| intake.resource_kind.clone())),
        texts(intakes.iter().map(|intake| id(intake.resource_id))),
        texts(intakes.iter().map(|intake| intake.outcome.clone())),
        blobs(intakes.iter().map(|intake| intake.body.clone())),
        blobs(intakes.iter().map(|intake| encode_parts(&intake.parts))),
        blobs(macs.into_iter()),
        texts(intakes.iter().map(|intake| reason(&intake.reason))),
        uuids(pairs().map(|(intake, _)| intake.id.as_uuid())),
        uuids(pairs().map(|(_, subject)| subject.as_uuid())),
        uuids(pairs().map(|(intake, _)| intake.organization_id.as_uuid())),
    ];
    Statement::from_sql_and_values(DbBackend::Postgres, APPEND, values)
}

/// Whether all of these events are in the log's intake.
pub(super) fn are_there(intakes: &[Intake]) -> Statement {
    let ids = uuids(intakes.iter().map(|intake| intake.id.as_uuid()));
    let count = i64::try_from(intakes.len()).unwrap_or(i64::MAX);
    Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT COUNT(*) = $2 FROM audit_intake WHERE id = ANY($1::uuid[])",
        [ids, count.into()],
    )
}

/// The places of events in the log.
pub(super) fn place(leaves: &[Leaf]) -> Statement {
    let values = [
        numbers(leaves.iter().map(|leaf| leaf.seq)),
        uuids(leaves.iter().map(|leaf| leaf.event_id.as_uuid())),
        blobs(leaves.iter().map(|leaf| leaf.leaf_hash.to_vec())),
        blobs(leaves.iter().map(|leaf| leaf.chain.to_vec())),
        numbers(leaves.iter().map(|leaf| leaf.cursor.xid)),
        numbers(leaves.iter().map(|leaf| leaf.cursor.ord)),
    ];
    Statement::from_sql_and_values(DbBackend::Postgres, PLACE, values)
}

fn uuids(values: impl Iterator<Item = uuid::Uuid>) -> Value {
    array(ArrayType::Uuid, values)
}

fn numbers(values: impl Iterator<Item = i64>) -> Value {
    array(ArrayType::BigInt, values)
}

fn texts(values: impl Iterator<Item = String>) -> Value {
    array(ArrayType::String, values)
}

fn blobs(values: impl Iterator<Item = Vec<u8>>) -> Value {
    array(ArrayType::Bytes, values)
}

fn array<T: Into<Value>>(kind: ArrayType, values: impl Iterator<Item = T>) -> Value {
    Value::Array(kind, Some(Box::new(values.map(Into::into).collect())))
}
