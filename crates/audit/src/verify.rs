//! Verification: recompute everything from the bodies, and name the first sequence number that does not fit.
//!
//! [`Verifier`] is pure and keeps one hash between entries, so that it serves a database, a file and a stream alike.

use std::collections::BTreeSet;

use vutf_kernel::{EventId, PortError};

use crate::{
    Anchor, Body, Cursor, Finding, FindingKind, GENESIS, Leaf, LogEntry, LogReader, Misfit, StoredIntake,
    chain_after, leaf_hash, parse_body,
    retention::{PRUNE, PruneLedger},
    tlog::{Checkpoint, VerifierKey},
    verify_tree::TreeCheck,
};

/// Entries read at once: bounds memory to about a megabyte at usual body sizes.
const BATCH: u32 = 512;

/// The result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries that fit, counted up to the first that does not.
    pub checked: u64,
    /// The last leaf that fits; keep its `seq` and `chain` as the next [`Anchor`].
    pub head: Option<Leaf>,
    /// Events that have no place in the log yet, and so no protection.
    pub pending: u64,
    /// Entries that were pruned, and stand in `checked` all the same: hashes and chain are there, and the log tells of it.
    pub pruned: u64,
    /// Those of them whose removal an event tells that has no place in the log yet.
    pub unconfirmed: u64,
    /// What keeps the database from changing the log and is not there: the names of triggers. No entry is wrong because of it,
    /// but somebody took it away.
    pub unguarded: Vec<String>,
    /// Checkpoints that are those of the log at their sizes; signed by the log's key, where keys were given.
    pub checkpoints: u64,
    /// `None`: everything fits.
    pub first_bad: Option<Finding>,
}

/// What is known of the log from elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    /// Heads that were noted.
    pub anchors: &'a [Anchor],
    /// The log's public keys: checkpoints must be signed by one of them. Without any, only their roots are checked.
    pub keys: &'a [VerifierKey],
    /// Checkpoints that were noted, their signatures verified.
    pub checkpoints: &'a [Checkpoint],
}

/// Takes entries in order; stops judging at the first that does not fit.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    report: Report,
    anchors: Vec<Anchor>,
    ledger: PruneLedger,
}

impl Verifier {
    /// A verifier that accepts only the log that all of `anchors` were taken from.
    pub fn against(anchors: &[Anchor]) -> Self {
        Self {
            anchors: anchors.to_vec(),
            ..Self::default()
        }
    }

    /// Judges the next entry. `false` when something did not fit, here or before: what follows would not be judged.
    pub fn push(&mut self, entry: LogEntry) -> bool {
        if self.report.first_bad.is_some() {
            return false;
        }
        match self.judge(&entry) {
            Ok(()) => {
                self.note_removals(&entry);
                self.report.checked += 1;
                self.report.head = Some(entry.leaf);
                true
            }
            Err(finding) => {
                self.report.first_bad = Some(finding);
                false
            }
        }
    }

    /// The events that are said to have pruned something and were not met so far.
    pub fn unmet(&self) -> Vec<EventId> {
        self.ledger.unmet().collect()
    }

    /// Takes an event that stands behind the entries, or has no place yet, for one that was met.
    pub fn take_unplaced(&mut self, body: &Body) {
        if self.ledger.push_event(body) {
            self.report.unconfirmed += self.ledger.count(body.id);
        }
    }

    /// Something does not fit that stands beside the entries.
    fn fail(&mut self, finding: Option<Finding>) {
        if self.report.first_bad.is_none() {
            self.report.first_bad = finding;
        }
    }

    /// The result; what does not stand in entries is the reader's to fill in. A pruned entry that the log does not bear out is
    /// found only now, so `head` may lie behind it.
    pub fn finish(mut self) -> Report {
        if let (None, Some(found)) = (&self.report.first_bad, self.ledger.finish()) {
            self.report.checked = u64::try_from(found.seq).unwrap_or_default();
            self.report.first_bad = Some(found);
            return self.report;
        }
        let next = next_seq(&self.report);
        let beyond = self.anchors.iter().find(|anchor| next <= anchor.seq);
        if let (None, Some(anchor)) = (&self.report.first_bad, beyond) {
            self.report.first_bad = Some(anchor.cut_off(next));
        }
        self.report
    }

    fn next_seq(&self) -> i64 {
        next_seq(&self.report)
    }

    /// Of an entry that fits.
    fn note_removals(&mut self, entry: &LogEntry) {
        match (&entry.intake, entry.pruned) {
            (None, Some(by)) => {
                self.report.pruned += 1;
                self.ledger.push_leaf(&entry.leaf, by);
            }
            (Some(intake), _) if intake.action == PRUNE.name => {
                if let Ok(body) = parse_body(&intake.body) {
                    self.ledger.push_event(&body);
                }
            }
            _ => {}
        }
    }

    fn judge(&self, entry: &LogEntry) -> Result<(), Finding> {
        let leaf = &entry.leaf;
        let next = self.next_seq();
        if leaf.seq > next {
            let detail = format!("the next leaf has the number {}", leaf.seq);
            return Err(Finding::new(next, FindingKind::LeafMissing, detail));
        }
        if leaf.seq < next {
            let detail = format!("expected the number {next}");
            return Err(Finding::new(leaf.seq, FindingKind::LeafRepeated, detail));
        }
        self.judge_here(entry)
            .map_err(|misfit| Finding::new(leaf.seq, misfit.kind, misfit.detail))?;
        let other = |anchor: &&Anchor| anchor.seq == leaf.seq && anchor.chain != leaf.chain;
        self.anchors
            .iter()
            .find(other)
            .map_or(Ok(()), |anchor| Err(anchor.mismatch()))
    }

    fn judge_here(&self, entry: &LogEntry) -> Result<(), Misfit> {
        let previous = self.report.head.as_ref().map_or(&GENESIS, |head| &head.chain);
        let head = self.report.head.as_ref();
        if is_pruned(entry) {
            check_link(previous, entry)?;
        } else {
            check_entry(previous, entry)?;
        }
        head.map_or(Ok(()), |head| check_order(&head.cursor, &entry.leaf.cursor))
    }
}

fn next_seq(report: &Report) -> i64 {
    let head = report.head.as_ref();
    head.map_or(0, |leaf| leaf.seq.saturating_add(1))
}

/// Whether the body is gone and an event is said to have removed it.
pub(crate) fn is_pruned(entry: &LogEntry) -> bool {
    entry.misfit.is_none() && entry.intake.is_none() && entry.pruned.is_some()
}

/// An entry whose body is there, with all that belongs to it.
pub(crate) fn check_entry(previous: &[u8; 32], entry: &LogEntry) -> Result<Body, Misfit> {
    let intake = check_hashes(previous, entry)?;
    let body = check_form(&intake.body)?;
    check_columns(&entry.leaf, intake, &body)?;
    check_parts(intake, &body)?;
    check_cursor(entry)?;
    match entry.pruned {
        None => Ok(body),
        Some(by) => {
            let detail = format!("event {by} is said to have removed the entry, and it is there");
            Err(Misfit::new(FindingKind::RemovalChanged, detail))
        }
    }
}

/// An entry of which only the hashes are left.
pub(crate) fn check_link(previous: &[u8; 32], entry: &LogEntry) -> Result<(), Misfit> {
    if chain_after(previous, &entry.leaf.leaf_hash) == entry.leaf.chain {
        return Ok(());
    }
    let detail = "the chain hash does not follow from the previous entry and this one";
    Err(Misfit::new(FindingKind::ChainChanged, detail))
}

/// Verifies the whole log in itself; calls `progress` with the number of entries checked so far, once a batch. That nothing
/// was cut off, and that not all of it was rewritten, only [`verify_against`] can show.
///
/// # Errors
/// The reader's. What is wrong with the log is in the report.
pub async fn verify(
    reader: &dyn LogReader,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Report, PortError> {
    verify_against(reader, &[], progress).await
}

/// As [`verify`], and holds the log against heads that were kept elsewhere.
///
/// # Errors
/// As those of [`verify`].
pub async fn verify_against(
    reader: &dyn LogReader,
    anchors: &[Anchor],
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Report, PortError> {
    let expected = Expected {
        anchors,
        ..Expected::default()
    };
    verify_expecting(reader, expected, progress).await
}

/// As [`verify`], and holds the log against all that is known of it from elsewhere.
///
/// # Errors
/// As those of [`verify`].
pub async fn verify_expecting(
    reader: &dyn LogReader,
    expected: Expected<'_>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Report, PortError> {
    let protection = reader.protection().await?;
    if let Some(table) = protection.missing_tables.first() {
        let detail = format!("{table} is not there, or is no table");
        return Ok(Report {
            unguarded: protection.missing_triggers,
            first_bad: Some(Finding::new(0, FindingKind::TableMissing, detail)),
            ..Report::default()
        });
    }
    let mut verifier = Verifier::against(expected.anchors);
    let mut tree = TreeCheck::new(expected.keys, expected.checkpoints);
    let mut fits = true;
    while fits {
        // From the next number on: a row that repeats a number or lies below zero is asked for only at the start.
        let from = if verifier.report.head.is_some() {
            verifier.next_seq()
        } else {
            i64::MIN
        };
        let entries = reader.entries(from, BATCH).await?;
        if entries.is_empty() {
            let left_over = tree.finish(reader).await?;
            if left_over.is_some() && !reader.entries(from, 1).await?.is_empty() {
                // The log has grown since: there is more to walk over.
                continue;
            }
            verifier.fail(left_over);
            break;
        }
        tree.prepare(reader, u64::from(BATCH)).await?;
        fits = entries.into_iter().all(|entry| {
            let hash = entry.leaf.leaf_hash;
            let fits = verifier.push(entry);
            if fits {
                verifier.fail(tree.push(hash).err());
            }
            fits && verifier.report.first_bad.is_none()
        });
        if fits {
            verifier.fail(tree.settle(reader).await?);
        }
        progress(verifier.report.checked);
    }
    // An event that tells of a removal may be waiting for its place, or have got it since.
    for event in verifier.unmet() {
        let record = reader.entry(event).await?;
        if let Some(body) = record.and_then(|record| parse_body(&record.intake.body).ok()) {
            verifier.take_unplaced(&body);
        }
    }
    let mut report = verifier.finish();
    report.checkpoints = tree.checked;
    report.pending = reader.pending_count().await?;
    report.unguarded = protection.missing_triggers;
    if report.first_bad.is_none() {
        report.first_bad = beside(reader, report.head.as_ref()).await?;
    }
    Ok(report)
}

/// What stands in no entry and should not be there.
async fn beside(reader: &dyn LogReader, head: Option<&Leaf>) -> Result<Option<Finding>, PortError> {
    let strays = reader.strays(head).await?;
    let next = head.map_or(0, |leaf| leaf.seq.saturating_add(1));
    let passed_over = strays.passed_over.map(|event| {
        let detail = format!("event {event} has no place, though later ones have");
        Finding::new(next, FindingKind::PassedOver, detail)
    });
    let orphan = strays.orphan_reference.map(|event| {
        let detail = format!("a subject is named for event {event}, which is not there");
        Finding::new(next, FindingKind::SubjectsChanged, detail)
    });
    let forged = strays.forged.map(|event| {
        let detail = format!("event {event} has no place yet, and was not written by this service");
        Finding::new(next, FindingKind::Forged, detail)
    });
    let outside = strays.outside_tree;
    let outside = outside.map(|misfit| Finding::new(next, misfit.kind, misfit.detail));
    Ok(passed_over.or(orphan).or(forged).or(outside))
}

/// Body, leaf hash and chain hash witness one another: whichever two agree tell which one was changed.
pub(crate) fn check_hashes<'a>(previous: &[u8; 32], entry: &'a LogEntry) -> Result<&'a StoredIntake, Misfit> {
    let leaf = &entry.leaf;
    let intake = readable(entry)?;
    let recomputed = leaf_hash(&intake.body);
    let body_fits = recomputed == leaf.leaf_hash;
    let chain_fits = chain_after(previous, &leaf.leaf_hash) == leaf.chain;
    Err(match (body_fits, chain_fits) {
        (true, true) => return Ok(intake),
        (false, true) => Misfit::new(
            FindingKind::BodyChanged,
            "the body does not have the leaf hash that was chained",
        ),
        (false, false) if chain_after(previous, &recomputed) == leaf.chain => Misfit::new(
            FindingKind::LeafHashChanged,
            "body and chain agree with one another, but not with the leaf hash",
        ),
        (_, false) => Misfit::new(
            FindingKind::ChainChanged,
            "the chain hash does not follow from the previous entry and this one",
        ),
    })
}

/// Body and leaf hash of an entry whose chain hash is known from elsewhere.
pub(crate) fn check_body(entry: &LogEntry) -> Result<&StoredIntake, Misfit> {
    let intake = readable(entry)?;
    if leaf_hash(&intake.body) == entry.leaf.leaf_hash {
        return Ok(intake);
    }
    let detail = "the body does not have the leaf hash that was chained";
    Err(Misfit::new(FindingKind::BodyChanged, detail))
}

fn readable(entry: &LogEntry) -> Result<&StoredIntake, Misfit> {
    if let Some(misfit) = &entry.misfit {
        return Err(misfit.clone());
    }
    entry.intake.as_ref().ok_or_else(|| {
        let detail = format!("event {} is gone", entry.leaf.event_id);
        Misfit::new(FindingKind::EventMissing, detail)
    })
}

/// The sequencer goes on from the leaf's cursor: one that lies elsewhere than its event makes it pass events over.
pub(crate) fn check_cursor(entry: &LogEntry) -> Result<(), Misfit> {
    if entry.cursor == Some(entry.leaf.cursor) {
        return Ok(());
    }
    let detail = "leaf and event differ in xid or ord";
    Err(Misfit::new(FindingKind::CursorChanged, detail))
}

/// Entries are placed in the order of their cursors. In a database that was restored elsewhere transactions are counted anew, but
/// rows are not: only who lies behind in both was put there.
fn check_order(before: &Cursor, here: &Cursor) -> Result<(), Misfit> {
    if here.xid > before.xid || here.ord > before.ord {
        return Ok(());
    }
    let detail = "xid and ord lie before those of the entry before";
    Err(Misfit::new(FindingKind::CursorChanged, detail))
}

pub(crate) fn check_form(bytes: &[u8]) -> Result<Body, Misfit> {
    let body =
        parse_body(bytes).map_err(|error| Misfit::new(FindingKind::BodyNotCanonical, error.to_string()))?;
    if body.to_bytes() == bytes {
        Ok(body)
    } else {
        let detail = "the same entry has other canonical bytes";
        Err(Misfit::new(FindingKind::BodyNotCanonical, detail))
    }
}

fn check_columns(leaf: &Leaf, intake: &StoredIntake, body: &Body) -> Result<(), Misfit> {
    if leaf.event_id != body.id {
        let detail = format!("the leaf names event {}, the body {}", leaf.event_id, body.id);
        return Err(Misfit::new(FindingKind::ColumnChanged, detail));
    }
    if let Some(column) = intake.column_unlike(body) {
        let detail = format!("the column {column} differs from the body");
        return Err(Misfit::new(FindingKind::ColumnChanged, detail));
    }
    // Rows of a table have no order: only the set is held against the body.
    let mut stored = intake.subjects.clone();
    stored.sort_unstable();
    if stored == body.subjects {
        Ok(())
    } else {
        let detail = format!("{} stored, {} in the body", stored.len(), body.subjects.len());
        Err(Misfit::new(FindingKind::SubjectsChanged, detail))
    }
}

/// Every stored part fits its commitment, and every commitment has its part: an erasure destroys the key of a part, and
/// leaves the part where it is.
fn check_parts(intake: &StoredIntake, body: &Body) -> Result<(), Misfit> {
    let mut seen = BTreeSet::new();
    for part in &intake.parts {
        let fits = body.private.get(&part.name) == Some(&part.commitment());
        if !fits || !seen.insert(&part.name) {
            let detail = format!("the sealed part {:?} does not fit its commitment", part.name);
            return Err(Misfit::new(FindingKind::PartChanged, detail));
        }
    }
    match body.private.keys().find(|name| !seen.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("the sealed part {name:?} is no longer stored");
            Err(Misfit::new(FindingKind::PartMissing, detail))
        }
    }
}
