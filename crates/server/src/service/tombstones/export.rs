//! Tombstones from an export of the audit log, which proves them as far as a head goes that was noted elsewhere.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read as _},
    path::Path,
};

use serde::Deserialize;
use vutf_app::erasure::{Reason, Reference, Tombstone};
use vutf_audit::{Anchor, Body, chain_after, leaf_hash, parse_body};
use vutf_identity::action::SUBJECT_ERASE;
use vutf_kernel::{Detail, EventId, Outcome, UserId};

use super::error::TombstoneError;

/// Far beyond the longest event.
const LONGEST: u64 = 4 * 1024 * 1024;
const BEFORE_BODY: &str = ",\"body\":";

/// What `violentutf-api audit export` writes before a body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    seq: i64,
    leaf_hash: String,
    previous: String,
}

/// Whether the file begins like an export.
pub(super) fn is_export(path: &Path) -> Result<bool, TombstoneError> {
    let mut start = [0_u8; 256];
    let mut file = File::open(path).map_err(TombstoneError::io(path))?;
    let read = file.read(&mut start).map_err(TombstoneError::io(path))?;
    let text = String::from_utf8_lossy(start.get(..read).unwrap_or_default()).into_owned();
    Ok(text.starts_with('{') && text.contains("\"leaf_hash\""))
}

/// The erasures in an export up to the entry of `anchor`, which it must reach with that very chain.
pub(super) fn read(path: &Path, anchor: Anchor) -> Result<Vec<Tombstone>, TombstoneError> {
    let mut file = BufReader::new(File::open(path).map_err(TombstoneError::io(path))?);
    let (mut tombstones, mut chain): (Vec<Tombstone>, Option<(i64, [u8; 32])>) = (Vec::new(), None);
    for number in 1.. {
        let forged = || TombstoneError::Export {
            path: path.to_owned(),
            line: number,
        };
        let mut line = Vec::new();
        let read = file.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        read.map_err(TombstoneError::io(path))?;
        if line.is_empty() {
            break;
        }
        let (head, leaf, body) = entry(&line).ok_or_else(forged)?;
        let previous = digest(&head.previous).ok_or_else(forged)?;
        if chain.is_some_and(|(seq, chain)| (seq.saturating_add(1), chain) != (head.seq, previous)) {
            return Err(forged());
        }
        let after = chain_after(&previous, &leaf);
        chain = Some((head.seq, after));
        if body.action == SUBJECT_ERASE.name && body.outcome == Outcome::Success {
            let unreadable = || TombstoneError::Erasure {
                path: path.to_owned(),
                line: number,
            };
            tombstones.push(erasure(&body).ok_or_else(unreadable)?);
        }
        if head.seq == anchor.seq && after == anchor.chain {
            return Ok(tombstones);
        }
    }
    Err(TombstoneError::Unproved(path.to_owned()))
}

fn entry(line: &[u8]) -> Option<(Head, [u8; 32], Body)> {
    let text = std::str::from_utf8(line).ok()?.trim_end();
    let (head, rest) = text.split_once(BEFORE_BODY)?;
    let head: Head = serde_json::from_str(&format!("{head}}}")).ok()?;
    let body = rest.strip_suffix('}')?.as_bytes();
    let leaf = leaf_hash(body);
    let named = digest(&head.leaf_hash)? == leaf;
    named.then_some((head, leaf, parse_body(body).ok()?))
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).ok()?;
    Some(digest)
}

/// What the event of an erasure says; `None` when any of it cannot be read.
fn erasure(body: &Body) -> Option<Tombstone> {
    let text = |name: &str| match body.details.get(name) {
        None => Some(None),
        Some(Detail::Text(text)) => Some(Some(text.as_str())),
        Some(_) => None,
    };
    let first: Option<EventId> = match text("replay_of")? {
        Some(id) => Some(id.parse().ok()?),
        None => None,
    };
    let reference = match text("reference")? {
        Some(reference) => Some(Reference::parse(reference)?),
        None => None,
    };
    Some(Tombstone {
        event_id: first.unwrap_or(body.id),
        organization_id: body.organization_id,
        subject_id: UserId::from_uuid(body.resource.id?),
        erased_at: body.occurred_at,
        reason: Reason::parse(text("reason")??)?,
        reference,
    })
}
