//! From entries of the log to what is exported, each held against what was exported before it.

use vutf_kernel::{Actor, Detail, EventId, OrganizationId, Outcome, PortError, Resource, Timestamp};

use crate::{
    Anchor, Body, Finding, FindingKind, GENESIS, LogEntry, LogReader, chain_after, leaf_hash, parse_body,
};

/// The action of a tombstone: the entry's body is no longer stored.
pub(super) const PRUNED: &str = "audit.pruned";

/// An entry that fits, ready for any format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Its sequence number.
    pub seq: i64,
    /// The chain hash before it.
    pub previous: [u8; 32],
    /// The hash of its canonical bytes.
    pub leaf_hash: [u8; 32],
    /// The chain hash after it.
    pub chain: [u8; 32],
    /// What it says. Of a tombstone: its id, the instant that the id holds, and nothing of the event.
    pub body: Body,
    /// The canonical bytes, which `leaf_hash` is over; `None` for a tombstone.
    pub text: Option<String>,
}

impl Exported {
    /// Where to go on after this record: the resume token.
    pub fn anchor(&self) -> Anchor {
        Anchor {
            seq: self.seq,
            chain: self.chain,
        }
    }
    /// Whether only the hashes of the entry are left.
    pub fn is_tombstone(&self) -> bool {
        self.text.is_none()
    }
}

/// Where records come from, as receivers are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The version of the program.
    pub version: String,
    /// The host name of the installation, 1 to 255 printable ASCII characters; `-` where it is not known (RFC 5424).
    pub host: String,
}

impl Source {
    /// Who makes the product.
    pub const VENDOR: &'static str = "ViolentUTF";
    /// The product.
    pub const PRODUCT: &'static str = "violentutf-api";
}

/// Takes the entry after `reached` (the first one, if nothing was exported yet), and moves `reached` on.
///
/// An entry whose body is gone is a tombstone: its hash is chained, and [`crate::verify()`] judges whether it may be gone.
///
/// # Errors
/// It is not the next one, or does not follow; `reached` stays.
pub fn follow(reached: &mut Option<Anchor>, entry: &LogEntry) -> Result<Exported, Finding> {
    let expected = reached.map_or(0, |anchor| anchor.seq.saturating_add(1));
    let previous = reached.map_or(GENESIS, |anchor| anchor.chain);
    let leaf = &entry.leaf;
    if leaf.seq != expected {
        let detail = format!("the next leaf has the number {}", leaf.seq);
        return Err(Finding::new(expected, FindingKind::LeafMissing, detail));
    }
    let found = |kind, detail: &str| Finding::new(expected, kind, detail);
    if let Some(misfit) = &entry.misfit {
        return Err(Finding::new(expected, misfit.kind, misfit.detail.clone()));
    }
    if chain_after(&previous, &leaf.leaf_hash) != leaf.chain {
        let detail = "the chain hash does not follow from what was exported before it";
        return Err(found(FindingKind::ChainChanged, detail));
    }
    let (body, text) = match &entry.intake {
        None => (tombstone(leaf.event_id), None),
        Some(intake) if leaf_hash(&intake.body) != leaf.leaf_hash => {
            let detail = "the body does not have the leaf hash that was chained";
            return Err(found(FindingKind::BodyChanged, detail));
        }
        Some(intake) => {
            let unreadable = |detail: String| Finding::new(expected, FindingKind::BodyNotCanonical, detail);
            let body = parse_body(&intake.body).map_err(|error| unreadable(error.to_string()))?;
            let text = String::from_utf8(intake.body.clone());
            (body, Some(text.map_err(|error| unreadable(error.to_string()))?))
        }
    };
    let exported = Exported {
        seq: leaf.seq,
        previous,
        leaf_hash: leaf.leaf_hash,
        chain: leaf.chain,
        body,
        text,
    };
    *reached = Some(exported.anchor());
    Ok(exported)
}

/// At most `limit` records after `reached`, and what was found behind them, if the next entry does not fit. Nothing and no
/// finding: there is nothing to export yet.
///
/// # Errors
/// The reader's.
pub async fn batch(
    reader: &dyn LogReader,
    mut reached: Option<Anchor>,
    limit: u32,
) -> Result<(Vec<Exported>, Option<Finding>), PortError> {
    let from = reached.map_or(0, |anchor| anchor.seq.saturating_add(1));
    let entries = reader.entries(from, limit).await?;
    if entries.is_empty() {
        return Ok((Vec::new(), check_end(reader, reached).await?));
    }
    let mut records = Vec::with_capacity(entries.len());
    for entry in &entries {
        match follow(&mut reached, entry) {
            Ok(record) => records.push(record),
            Err(found) => return Ok((records, Some(found))),
        }
    }
    Ok((records, None))
}

/// Whether the log still holds what was exported: a log that was rolled back ends before it, or is another one.
///
/// # Errors
/// The reader's.
pub async fn check_end(
    reader: &dyn LogReader,
    reached: Option<Anchor>,
) -> Result<Option<Finding>, PortError> {
    let Some(reached) = reached else {
        return Ok(None);
    };
    let there = reader.entries(reached.seq, 1).await?;
    let leaf = there.first().map(|entry| &entry.leaf);
    Ok(match leaf.filter(|leaf| leaf.seq == reached.seq) {
        Some(leaf) if leaf.chain == reached.chain => None,
        Some(_) => Some(Finding::new(
            reached.seq,
            FindingKind::AnchorMismatch,
            "the chain hash is not the one that was exported",
        )),
        None => Some(Finding::new(
            reached.seq,
            FindingKind::LeafMissing,
            "the entry was exported, and is not there any more",
        )),
    })
}

fn tombstone(id: EventId) -> Body {
    let uuid = id.as_uuid();
    // RFC 9562, section 5.7: the first 48 bits are milliseconds since the Unix epoch.
    let millis = i64::try_from(uuid.as_u128() >> 80).unwrap_or(i64::MAX);
    Body {
        id,
        occurred_at: Timestamp::from_micros(millis.saturating_mul(1_000)),
        organization_id: OrganizationId::from_uuid(uuid::Uuid::nil()),
        request_id: "-".into(),
        actor: Actor::System {
            job: "retention".into(),
        },
        action: PRUNED.into(),
        resource: Resource::kind("audit"),
        outcome: Outcome::Success,
        subjects: Vec::new(),
        details: [("pruned".to_owned(), Detail::Bool(true))].into(),
        private: std::collections::BTreeMap::new(),
    }
}
