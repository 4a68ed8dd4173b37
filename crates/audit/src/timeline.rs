//! What is known about one person, as one story: what was done to their data, or by them.

use uuid::Uuid;
use vutf_kernel::{Ctx, Detail, EventId, Page, PageRequest, Question, Timestamp, UserId, look::detail};

use crate::{
    Access, AccessError, ActorKind, EventFilter, Order, Record, Word,
    access::{action, ids, listed},
    parse_body,
};

/// Whose story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Everything that touched this person's data or account, whoever did it.
    Subject(UserId),
    /// Everything that this person did, and the attempts to sign in as them.
    Actor(UserId),
}

/// Which part of a story.
#[derive(Clone, Debug, Default)]
pub struct Span {
    /// At this instant or later.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
}

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Something was shown.
    Read,
    /// Something was changed, made or removed.
    Change,
    /// A session began, went on or ended.
    Session,
    /// Something was not done: it was refused, or it failed.
    Refusal,
}

impl LineKind {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Session => "session",
            Self::Refusal => "refusal",
        }
    }
}

/// One event in a story: what, when, by whom, how it ended, and how many things it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The event.
    pub id: EventId,
    /// Its place in the log; `None` while it is pending.
    pub seq: Option<i64>,
    /// When.
    pub occurred_at: Timestamp,
    /// Under which request.
    pub request_id: String,
    /// What it tells of.
    pub kind: LineKind,
    /// `resource.verb`.
    pub action: String,
    /// The kind of the resource.
    pub resource_kind: String,
    /// The resource, if it is one object.
    pub resource_id: Option<Uuid>,
    /// `anonymous`, `user`, `operator` or `system`.
    pub actor_kind: String,
    /// The acting user, if one acted.
    pub actor_id: Option<Uuid>,
    /// `success`, `refused` or `failed`.
    pub outcome: String,
    /// Why it was not done.
    pub reason: Option<String>,
    /// How many things were shown or changed, where the event counts them.
    pub count: Option<i64>,
    /// The people whose data it touched, as far as a list shows them.
    pub subjects: Vec<UserId>,
    /// How many people's data it touched.
    pub subject_count: usize,
}

impl Line {
    /// The line of an event. What only the body tells is left out where the body cannot be read: that is the verifier's business.
    pub fn of(record: &Record) -> Self {
        let intake = &record.intake;
        let details = parse_body(&intake.body)
            .map(|body| body.details)
            .unwrap_or_default();
        let count = match details.get(detail::COUNT) {
            Some(Detail::Number(count)) => Some(*count),
            _ => None,
        };
        let kind = if intake.outcome != crate::Ending::Success.as_str() {
            LineKind::Refusal
        } else if details.contains_key(detail::QUERY) {
            LineKind::Read
        } else if intake.resource_kind == "session" {
            LineKind::Session
        } else {
            LineKind::Change
        };
        Self {
            id: intake.id,
            seq: record.leaf.as_ref().map(|leaf| leaf.seq),
            occurred_at: intake.occurred_at,
            request_id: intake.request_id.clone(),
            kind,
            action: intake.action.clone(),
            resource_kind: intake.resource_kind.clone(),
            resource_id: intake.resource_id,
            actor_kind: intake.actor_kind.clone(),
            actor_id: intake.actor_id,
            outcome: intake.outcome.clone(),
            reason: intake.reason.clone(),
            count,
            subjects: listed(record).to_vec(),
            subject_count: intake.subjects.len(),
        }
    }
}

impl Whose {
    /// The person.
    pub fn user(self) -> UserId {
        let (Self::Subject(user) | Self::Actor(user)) = self;
        user
    }
    /// `subject` or `actor`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subject(_) => "subject",
            Self::Actor(_) => "actor",
        }
    }
    /// The searches whose results together are the story.
    fn filters(self, all: &EventFilter) -> [EventFilter; 2] {
        let all = || all.clone();
        match self {
            Self::Subject(user) => [
                EventFilter {
                    subject: Some(user),
                    ..all()
                },
                // What was tried on the account and did not reach the person's data.
                EventFilter {
                    resource_kind: Word::parse("user").ok(),
                    resource_id: Some(user.as_uuid()),
                    ..all()
                },
            ],
            Self::Actor(user) => [
                EventFilter {
                    actor_id: Some(user.as_uuid()),
                    ..all()
                },
                // Whoever signs in is nobody until they have.
                EventFilter {
                    actor_kind: Some(ActorKind::Anonymous),
                    subject: Some(user),
                    ..all()
                },
            ],
        }
    }
}

/// A part of somebody's story, newest first, within the caller's tenant. Everybody whom it tells about is named in one event.
///
/// # Errors
/// The caller may not, which is an event; a port failed, that of the event included.
pub async fn timeline(
    ctx: &Ctx,
    log: Access<'_>,
    whose: Whose,
    span: &Span,
    page: &PageRequest,
) -> Result<Page<Line>, AccessError> {
    let resource = action::TIMELINE.none();
    log.admit(ctx, action::TIMELINE, resource.clone()).await?;
    let all = EventFilter {
        from: span.from,
        until: span.until,
        order: Order::Descending,
        ..EventFilter::within(ctx.organization_id)
    };
    let mut parts = Vec::new();
    for filter in whose.filters(&all) {
        parts.push(log.reader.search(&filter, page).await?);
    }
    let found = merged(parts, page.limit);
    let question = Question::all(action::TIMELINE)
        .with(whose.as_str(), Some(whose.user()))
        .with("from", span.from)
        .with("until", span.until);
    let shown = ids(&found);
    let lines = found.map(|record| Line::of(&record));
    let people = lines.items.iter().flat_map(|line| {
        let actor = line.actor_id.map(UserId::from_uuid);
        line.subjects.iter().copied().chain(actor)
    });
    let event = log
        .event(ctx, action::TIMELINE, resource, &[whose.user()])
        .shows(&question, &shown)
        .about_all(people);
    log.recorder.record(event).await?;
    Ok(lines)
}

/// Newest-first pages of several parts as one page: each event once, no more than asked for, and nothing from behind the place
/// that one of the parts has come to.
fn merged(parts: Vec<Page<Record>>, limit: u16) -> Page<Record> {
    let reached = parts.iter().filter_map(|part| part.next).max();
    let mut items: Vec<Record> = parts.into_iter().flat_map(|part| part.items).collect();
    items.retain(|record| reached.is_none_or(|reached| record.intake.id.as_uuid() >= reached));
    items.sort_by_key(|record| std::cmp::Reverse(record.intake.id));
    items.dedup_by_key(|record| record.intake.id);
    let cut = items.len() > usize::from(limit);
    items.truncate(usize::from(limit));
    let last = items.last().map(|record| record.intake.id.as_uuid());
    Page {
        next: if cut { last } else { reached },
        items,
    }
}
