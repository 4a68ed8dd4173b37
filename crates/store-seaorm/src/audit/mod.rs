//! The audit log: intake, sequencing, reading, and the proof that the database refuses changes.

mod append_only;
mod backlog;
mod bulk;
mod cosignatures;
mod entries;
mod exports;
mod group;
mod intake;
mod look;
mod parts;
mod reader;
mod relaxed;
mod retention;
mod search;
mod sequencer;
mod surroundings;
mod tree;
mod voucher;

use sea_orm::ActiveValue::{NotSet, Set};
use uuid::Uuid;
use vutf_audit::{Cursor, Intake, Leaf, SealedPart, StoredIntake, decode_parts, encode_parts};
use vutf_kernel::{EventId, OrganizationId, PortError, Timestamp, UserId};

pub use self::{
    append_only::SeaAppendOnlyProbe,
    backlog::Backlog,
    group::{GroupCommit, GroupOptions, GroupRecorder},
    look::Looks,
    parts::PrivatePart,
    reader::AuditLag,
    relaxed::RelaxedRecorder,
};
pub(crate) use self::{intake::place, sequencer::End as LogEnd, voucher::INTAKE};
use crate::{
    entity::{audit_intake, audit_leaf},
    row::array,
};

fn intake_row(intake: &Intake, mac: Vec<u8>) -> audit_intake::ActiveModel {
    audit_intake::ActiveModel {
        // Both are the database's to give: its order of inserts, and its transaction.
        ord: NotSet,
        xid: NotSet,
        id: Set(intake.id.as_uuid()),
        occurred_at: Set(intake.occurred_at.as_micros()),
        organization_id: Set(intake.organization_id.as_uuid()),
        request_id: Set(intake.request_id.clone()),
        actor_kind: Set(intake.actor_kind.clone()),
        actor_id: Set(intake.actor_id),
        action: Set(intake.action.clone()),
        resource_kind: Set(intake.resource_kind.clone()),
        resource_id: Set(intake.resource_id),
        outcome: Set(intake.outcome.clone()),
        body: Set(intake.body.clone()),
        parts: Set(encode_parts(&intake.parts)),
        mac: Set(mac),
        reason: Set(intake.reason.clone()),
    }
}

fn intake_of(row: audit_intake::Model, mut subjects: Vec<Uuid>) -> StoredIntake {
    subjects.sort_unstable();
    // Verification names the entry whose parts were changed, however they were changed: what cannot be read is one part
    // that fits no commitment.
    let unreadable = |bytes: &[u8]| SealedPart {
        name: String::new(),
        salt: [0; 16],
        ciphertext: bytes.to_vec(),
    };
    let parts = decode_parts(&row.parts).unwrap_or_else(|_| vec![unreadable(&row.parts)]);
    StoredIntake {
        id: EventId::from_uuid(row.id),
        occurred_at: Timestamp::from_micros(row.occurred_at),
        organization_id: OrganizationId::from_uuid(row.organization_id),
        request_id: row.request_id,
        actor_kind: row.actor_kind,
        actor_id: row.actor_id,
        action: row.action,
        resource_kind: row.resource_kind,
        resource_id: row.resource_id,
        outcome: row.outcome,
        reason: row.reason,
        body: row.body,
        parts,
        subjects: subjects.into_iter().map(UserId::from_uuid).collect(),
    }
}

fn leaf_row(leaf: &Leaf) -> audit_leaf::ActiveModel {
    audit_leaf::ActiveModel {
        seq: Set(leaf.seq),
        event_id: Set(leaf.event_id.as_uuid()),
        leaf_hash: Set(leaf.leaf_hash.to_vec()),
        chain: Set(leaf.chain.to_vec()),
        xid: Set(leaf.cursor.xid),
        ord: Set(leaf.cursor.ord),
    }
}

/// A leaf to go on from: what cannot be read is an error, since a chain must not be continued from it.
fn leaf_of(row: &audit_leaf::Model) -> Result<Leaf, PortError> {
    let leaf_hash = array("audit_leaf", "leaf_hash", row.seq, &row.leaf_hash)?;
    let chain = array("audit_leaf", "chain", row.seq, &row.chain)?;
    Ok(leaf_with(row, leaf_hash, chain))
}

/// A leaf to show or to verify: verification names the place of a hash that is none, as zeros fit nothing.
fn shown_leaf(row: &audit_leaf::Model) -> Leaf {
    let hash = |bytes: &[u8]| bytes.try_into().unwrap_or([0; 32]);
    leaf_with(row, hash(&row.leaf_hash), hash(&row.chain))
}

fn leaf_with(row: &audit_leaf::Model, leaf_hash: [u8; 32], chain: [u8; 32]) -> Leaf {
    Leaf {
        seq: row.seq,
        event_id: EventId::from_uuid(row.event_id),
        leaf_hash,
        chain,
        cursor: Cursor {
            xid: row.xid,
            ord: row.ord,
        },
    }
}
