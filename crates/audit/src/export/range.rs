//! A part of the log, taken out at once by somebody who may. It is an event before it is shown.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};
use vutf_kernel::{Class, Ctx, Detail, Event, Outcome, Permission, PortError, UseCaseError, UserId};

use super::{Exported, Format, Source, batch, hex};
use crate::{Access, Anchor, EventFilter, Finding, LogReader, StoredIntake, access::action};

/// What a caller needs to take the log out. Apart from `audit:read`: a page is looked at, an export is carried away, and a
/// person who may do one need not do the other.
pub const PERMISSION: Permission = Permission::known("audit:export");

/// Entries read at once.
const BATCH: u32 = 500;
/// Entries looked at in one call, whether the filter matches them or not: bounds its time.
const SCANNED: usize = 20_000;
/// Bytes in one answer: bounds its memory.
const BYTES: usize = 8 << 20;
/// Persons whom the event names. An answer ends before it would tell of more, unless its first record does by itself: whoever
/// is told of is named.
const SUBJECTS: usize = 256;

/// What is to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first sequence number; not with `resume`.
    pub from: i64,
    /// Before this sequence number.
    pub until: Option<i64>,
    /// Goes on behind this entry, if the log still follows from it.
    pub resume: Option<Anchor>,
    /// Which events; whatever tenant it names, the caller's counts.
    pub filter: EventFilter,
    /// At most so many events.
    pub limit: u32,
    /// In which format.
    pub format: Format,
}

/// What was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// A record a line.
    pub text: String,
    /// How many.
    pub count: u64,
    /// The sequence numbers of the first and the last record.
    pub first_last: Option<(i64, i64)>,
    /// Where to go on: behind the last entry that was looked at, which need not be in the text. `None` while the log is empty
    /// and for a range that is.
    pub resume: Option<Anchor>,
    /// Whether everything that the range asks for, and that the log holds now, was looked at.
    pub complete: bool,
    /// SHA-256 of the text, in lower-case hexadecimal; the event holds the same.
    pub sha256: String,
}

/// Why nothing is exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The caller may not.
    #[error("this needs the permission {}", PERMISSION.as_str())]
    Denied,
    /// The log does not follow from the resume token, or does not hold the first entry of the range.
    #[error("the log does not go on from there: {0}")]
    Gap(Finding),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl ExportError {
    /// Which status it becomes.
    pub fn class(&self) -> Class {
        match self {
            Self::Denied => Class::Forbidden,
            Self::Gap(_) => Class::Conflict,
            Self::Port(error) => error.class(),
        }
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied => "permission_denied",
            Self::Gap(_) => "export_gap",
            Self::Port(error) if error.class() == Class::Unavailable => "unavailable",
            Self::Port(_) => "internal",
        }
    }
}

impl UseCaseError for ExportError {
    fn port(&self) -> Option<&PortError> {
        match self {
            Self::Port(error) => Some(error),
            Self::Denied | Self::Gap(_) => None,
        }
    }
}

/// The records of the caller's tenant that `range` asks for, as far as one answer reaches.
///
/// # Errors
/// The caller may not; the log does not go on from where the range begins. Both are events, as what was taken is.
pub async fn export(
    ctx: &Ctx,
    log: Access<'_>,
    source: &Source,
    range: &Range,
) -> Result<Taken, ExportError> {
    let filter = EventFilter {
        organization_id: ctx.organization_id,
        ..range.filter.clone()
    };
    let outcome = if ctx.may(&PERMISSION) {
        take(log.reader, source, range, &filter).await
    } else {
        Err(ExportError::Denied)
    };
    let mut event = told(
        log.event(ctx, action::EXPORT, action::EXPORT.none(), &[]),
        range,
        &filter,
    );
    match outcome {
        Ok((taken, people)) => {
            event = with_taken(event, &taken, people, &filter);
            log.recorder.record(event).await?;
            Ok(taken)
        }
        Err(ExportError::Port(error)) => Err(ExportError::Port(error)),
        Err(refusal) => {
            event.outcome = Outcome::refused(refusal.code());
            log.recorder.record(event).await?;
            Err(refusal)
        }
    }
}

/// Where the range begins: behind its token, or behind the entry before its first number.
pub(super) async fn start(reader: &dyn LogReader, range: &Range) -> Result<Option<Anchor>, ExportError> {
    if range.resume.is_some() || range.from <= 0 {
        return Ok(range.resume);
    }
    let seq = range.from - 1;
    let before = reader.entries(seq, 1).await?;
    let leaf = before
        .first()
        .map(|entry| &entry.leaf)
        .filter(|leaf| leaf.seq == seq);
    leaf.map(|leaf| Some(Anchor::of(leaf))).ok_or_else(|| {
        let detail = "the log does not reach so far";
        ExportError::Gap(Finding::new(seq, crate::FindingKind::LeafMissing, detail))
    })
}

async fn take(
    reader: &dyn LogReader,
    source: &Source,
    range: &Range,
    filter: &EventFilter,
) -> Result<(Taken, BTreeSet<UserId>), ExportError> {
    let mut reached = start(reader, range).await?;
    let mut answer = Answer::new(source, range, filter);
    loop {
        let (records, found) = batch(reader, reached, BATCH).await?;
        let at_end = records.is_empty();
        for record in &records {
            if range.until.is_some_and(|until| record.seq >= until) {
                return Ok(answer.finish(reached, true));
            }
            if !answer.takes(record) {
                return Ok(answer.finish(reached, false));
            }
            reached = Some(record.anchor());
        }
        match found {
            // What fits is told first; the next call, with the token, is refused.
            Some(found) if answer.scanned == 0 => return Err(ExportError::Gap(found)),
            Some(_) => return Ok(answer.finish(reached, false)),
            None if at_end => return Ok(answer.finish(reached, true)),
            None => {}
        }
    }
}

struct Answer<'a> {
    source: &'a Source,
    range: &'a Range,
    filter: &'a EventFilter,
    text: String,
    count: u64,
    scanned: usize,
    first_last: Option<(i64, i64)>,
    people: BTreeSet<UserId>,
}

impl<'a> Answer<'a> {
    fn new(source: &'a Source, range: &'a Range, filter: &'a EventFilter) -> Self {
        Self {
            source,
            range,
            filter,
            text: String::new(),
            count: 0,
            scanned: 0,
            first_last: None,
            people: BTreeSet::new(),
        }
    }

    fn wants_more(&self) -> bool {
        self.count < u64::from(self.range.limit) && self.scanned < SCANNED && self.text.len() < BYTES
    }

    /// Looks at a record, and takes it if it matches; `false` when it does not fit any more.
    fn takes(&mut self, record: &Exported) -> bool {
        if !self.wants_more() {
            return false;
        }
        // A tombstone says nothing that a filter could match, and names no tenant.
        if !record.is_tombstone() && self.filter.matches(&columns(record)) {
            let people = people(record).filter(|person| !self.people.contains(person));
            let people: BTreeSet<UserId> = people.collect();
            if !self.people.is_empty() && self.people.len() + people.len() > SUBJECTS {
                return false;
            }
            self.people.extend(people);
            self.push(record);
        }
        self.scanned += 1;
        true
    }

    fn push(&mut self, record: &Exported) {
        self.text.push_str(&self.range.format.line(record, self.source));
        self.text.push('\n');
        self.count += 1;
        let first = self.first_last.map_or(record.seq, |(first, _)| first);
        self.first_last = Some((first, record.seq));
    }

    fn finish(self, resume: Option<Anchor>, complete: bool) -> (Taken, BTreeSet<UserId>) {
        let taken = Taken {
            sha256: hex(&Sha256::digest(self.text.as_bytes())),
            text: self.text,
            count: self.count,
            first_last: self.first_last,
            resume,
            complete,
        };
        (taken, self.people)
    }
}

/// Whom a record tells about: whose data was touched, and who acted.
fn people(record: &Exported) -> impl Iterator<Item = UserId> {
    let body = &record.body;
    body.subjects.iter().copied().chain(body.actor.user_id())
}

/// What a search looks at, from the body: it is the truth, and it was held against the chain.
fn columns(record: &Exported) -> StoredIntake {
    StoredIntake::of(record.body.clone(), Vec::new())
}

fn told(event: Event, range: &Range, filter: &EventFilter) -> Event {
    let mut asked = Vec::new();
    let mut ask = |name: &str, value: Option<String>| {
        asked.extend(value.map(|value| format!("{name}={value}")));
    };
    ask(
        "action",
        filter.action.as_ref().map(|action| action.as_str().to_owned()),
    );
    ask("actor", filter.actor_id.map(|id| id.to_string()));
    ask("subject", filter.subject.map(|id| id.to_string()));
    ask("outcome", filter.outcome.map(|ending| ending.as_str().to_owned()));
    ask("from", filter.from.map(vutf_kernel::Timestamp::rfc3339));
    ask("until", filter.until.map(vutf_kernel::Timestamp::rfc3339));
    ask("until_seq", range.until.map(|seq| seq.to_string()));
    let from_seq = range
        .resume
        .map_or(range.from, |anchor| anchor.seq.saturating_add(1));
    event
        .detail("format", Detail::Text(range.format.as_str().to_owned()))
        .detail("filter", Detail::List(asked))
        .detail("from_seq", Detail::Number(from_seq))
}

fn with_taken(event: Event, taken: &Taken, people: BTreeSet<UserId>, filter: &EventFilter) -> Event {
    let count = |number: u64| Detail::Number(i64::try_from(number).unwrap_or(i64::MAX));
    let mut event = event
        .detail("count", count(taken.count))
        .detail("persons", count(people.len() as u64))
        .detail("complete", Detail::Bool(taken.complete))
        .detail("sha256", Detail::Text(taken.sha256.clone()));
    if let Some((first, last)) = taken.first_last {
        event = event
            .detail("first_seq", Detail::Number(first))
            .detail("last_seq", Detail::Number(last));
    }
    let asked = filter.actor_id.map(UserId::from_uuid);
    event.subjects = people.into_iter().chain(filter.subject).chain(asked).collect();
    event
}
