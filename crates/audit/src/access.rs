//! What people see of the log. Each look is an event itself, and what cannot be recorded is not shown (NIST SP 800-53 AU-5).

use uuid::Uuid;
use vutf_kernel::{
    Action, Ambient, Class, Ctx, Detail, Env, Event, EventId, EventRecorder, Outcome, Page, PageRequest,
    Permission, PortError, Question, Resource, UseCaseError, UserId,
};

use crate::{EventFilter, Leaf, LogReader, Record};

/// What these events are called.
pub mod action {
    use vutf_kernel::Action;

    /// Events are searched.
    pub const LIST: Action = Action::new("audit.list", "audit");
    /// One event is shown.
    pub const READ: Action = Action::new("audit.read", "audit");
    /// It is shown that one event is in the log.
    pub const PROVE: Action = Action::new("audit.prove", "audit");
    /// The newest signed checkpoint is shown.
    pub const CHECKPOINT: Action = Action::new("audit.checkpoint", "audit");
    /// Hashes of the tree are shown.
    pub const TILE: Action = Action::new("audit.tile", "audit");
    /// It is shown that one tree begins with another.
    pub const CONSISTENCY: Action = Action::new("audit.consistency", "audit");
    /// The public keys of the log are shown.
    pub const VKEYS: Action = Action::new("audit.vkeys", "audit");
    /// What is known about one person is shown: what was done to their data, or by them.
    pub const TIMELINE: Action = Action::new("audit.timeline", "audit");
    /// A person sees who saw or changed their own data.
    pub const OWN: Action = Action::new("audit.own", "audit");
    /// Who reached whose data is counted on the machine.
    pub const GRAPH: Action = Action::new("audit.graph", "audit");
    /// What was added between two heads is counted on the machine.
    pub const DIFF: Action = Action::new("audit.diff", "audit");
    /// The head of the log is shown.
    pub const STATUS: Action = Action::new("audit.status", "audit");
    /// The last events of all tenants are shown on the machine.
    pub const TAIL: Action = Action::new("audit.tail", "audit");
    /// Events are carried away: those of a tenant by request, those of all tenants on the machine.
    pub const EXPORT: Action = Action::new("audit.export", "audit");
    /// A witness says that this is not the log that it knows, or has forgotten what it knew.
    pub const WITNESS_CONFLICT: Action = Action::new("audit.witness.conflict", "audit");
    /// The whole log is written out on the machine, with all that a stranger needs to verify it.
    pub const BUNDLE: Action = Action::new("audit.bundle", "audit");
    /// Events were dropped: their answers were given, and too many waited to be recorded.
    pub const DROPPED: Action = Action::new("audit.dropped", "audit");
    /// The present head is accepted on the machine in the place of the one that was noted there.
    pub const ACCEPT_HEAD: Action = Action::new("audit.accept_head", "audit");
    /// How far sinks have come is shown on the machine.
    pub const SINK_LIST: Action = Action::new("audit.sink_list", "audit");
    /// A sink goes on somewhere else, by an operator's decision.
    pub const SINK_RESET: Action = Action::new("audit.sink_reset", "audit");
    /// A sink refuses to go on, because the log does not follow from what it exported.
    pub const SINK_GAP: Action = Action::new("audit.sink_gap", "audit");
}

/// What a caller needs to see the log.
pub const PERMISSION: Permission = Permission::known("audit:read");

/// What a caller needs to see who saw their own data.
pub const OWN_PERMISSION: Permission = Permission::known("self:manage");

/// So many of the people that an event names are shown with it in a list. An event that shows many people is looked at by
/// events that name them all: without a bound, each look would name more than the one before.
pub const LISTED_SUBJECTS: usize = 14;

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The caller may not see the log, or not all of it, or not even what is their own.
    #[error("this needs the permission {}, or {} for what is one's own", PERMISSION.as_str(), OWN_PERMISSION.as_str())]
    Denied,
    /// The caller is in no session, so that nothing is their own.
    #[error("sign in first")]
    NotSignedIn,
    /// No such event in the caller's tenant.
    #[error("there is no such event")]
    NotFound,
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl AccessError {
    /// Which status it becomes.
    pub fn class(&self) -> Class {
        match self {
            Self::Denied => Class::Forbidden,
            Self::NotSignedIn => Class::Unauthenticated,
            Self::NotFound => Class::NotFound,
            Self::Port(error) => error.class(),
        }
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied => "permission_denied",
            Self::NotSignedIn => "not_signed_in",
            Self::NotFound => "not_found",
            Self::Port(error) if error.class() == Class::Unavailable => "unavailable",
            Self::Port(_) => "internal",
        }
    }
}

impl UseCaseError for AccessError {
    fn port(&self) -> Option<&PortError> {
        match self {
            Self::Port(error) => Some(error),
            Self::Denied | Self::NotSignedIn | Self::NotFound => None,
        }
    }
}

/// The handles that the use cases of this module need.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// The log.
    pub reader: &'a dyn LogReader,
    /// Takes the events about looking at it.
    pub recorder: &'a dyn EventRecorder,
    /// Time and randomness.
    pub ambient: &'a Ambient,
}

/// How far the log has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Events that have no place yet.
    pub pending: u64,
    /// The last leaf; `None` in an empty log.
    pub head: Option<Leaf>,
}

/// The events of the caller's tenant that `filter` matches, whatever tenant it names, in its order. Everybody whom they tell
/// about is named in one event: who is shown with them ([`listed`]), who acted, and whom the filter names.
///
/// # Errors
/// The caller may not, which is an event; a port failed, that of the event included.
pub async fn search(
    ctx: &Ctx,
    log: Access<'_>,
    filter: EventFilter,
    page: &PageRequest,
) -> Result<Page<Record>, AccessError> {
    log.admit(ctx, action::LIST, action::LIST.none()).await?;
    let filter = EventFilter {
        organization_id: ctx.organization_id,
        ..filter
    };
    let found = log.reader.search(&filter, page).await?;
    let asked = filter
        .subject
        .into_iter()
        .chain(filter.actor_id.map(UserId::from_uuid));
    let event = log
        .event(ctx, action::LIST, action::LIST.none(), &[])
        .shows(&filter.question(action::LIST), &ids(&found))
        .about_all(asked.chain(people(&found)));
    log.recorder.record(event).await?;
    Ok(found)
}

/// The people whom an event names, as far as a list shows them.
pub fn listed(record: &Record) -> &[UserId] {
    let all = &record.intake.subjects;
    &all[..all.len().min(LISTED_SUBJECTS)]
}

pub(crate) fn ids(page: &Page<Record>) -> Vec<Uuid> {
    page.items
        .iter()
        .map(|record| record.intake.id.as_uuid())
        .collect()
}

/// Everybody about whom a list of events tells.
fn people(page: &Page<Record>) -> impl Iterator<Item = UserId> {
    page.items.iter().flat_map(|record| {
        let actor = record.intake.actor_id.map(UserId::from_uuid);
        listed(record).iter().copied().chain(actor)
    })
}

/// One event of the caller's tenant; another tenant's is answered like one that does not exist.
///
/// # Errors
/// As those of [`search`], and [`AccessError::NotFound`].
pub async fn entry(ctx: &Ctx, log: Access<'_>, id: EventId) -> Result<Record, AccessError> {
    entry_for(ctx, log, id, action::READ).await
}

/// As [`entry`], for what `action` says.
pub(crate) async fn entry_for(
    ctx: &Ctx,
    log: Access<'_>,
    id: EventId,
    action: Action,
) -> Result<Record, AccessError> {
    let resource = action.one(id.as_uuid());
    log.admit(ctx, action, resource.clone()).await?;
    let found = log.reader.entry(id).await?;
    let record = found
        .filter(|record| record.intake.organization_id == ctx.organization_id)
        .ok_or(AccessError::NotFound)?;
    let actor = record.intake.actor_id.map(UserId::from_uuid);
    let event = log
        .event(ctx, action, resource, &record.intake.subjects)
        .shows(&Question::all(action).with("id", Some(id)), &[id.as_uuid()])
        .about_all(actor);
    log.recorder.record(event).await?;
    Ok(record)
}

/// How far the log of all tenants has come; it shows no event.
///
/// # Errors
/// As those of [`search`].
pub async fn status(ctx: &Ctx, log: Access<'_>) -> Result<Status, AccessError> {
    let resource = action::STATUS.none();
    log.admit(ctx, action::STATUS, resource.clone()).await?;
    let status = Status {
        head: log.reader.head().await?,
        pending: log.reader.pending_count().await?,
    };
    let event = log.event(ctx, action::STATUS, resource, &[]);
    let event = event.asks(&Question::all(action::STATUS));
    log.recorder.record(event).await?;
    Ok(status)
}

/// The log of all tenants in its own order, `from_seq` first. Only for those who hold the database already; `action` says what
/// they want with it.
///
/// # Errors
/// As those of [`overview`].
pub async fn whole<'a>(
    ctx: &Ctx,
    log: Access<'a>,
    action: Action,
    from_seq: i64,
) -> Result<&'a dyn LogReader, AccessError> {
    overview(ctx, log, action, [("from_seq", Detail::Number(from_seq))]).await
}

/// As [`whole`], with `facts` about which part of it. Those whom it tells about are not named: they may be everybody.
///
/// # Errors
/// The caller is not trusted, which is an event; a port failed.
pub async fn overview<'a>(
    ctx: &Ctx,
    log: Access<'a>,
    action: Action,
    facts: impl IntoIterator<Item = (&'static str, Detail)>,
) -> Result<&'a dyn LogReader, AccessError> {
    let resource = action.none();
    if !ctx.is_trusted() {
        return log.refuse(ctx, action, resource).await;
    }
    let event = log.event(ctx, action, resource, &[]);
    let event = event.asks(&Question::all(action));
    let event = facts
        .into_iter()
        .fold(event, |event, (name, fact)| event.detail(name, fact));
    log.recorder.record(event).await?;
    Ok(log.reader)
}

impl Access<'_> {
    pub(crate) async fn admit(
        &self,
        ctx: &Ctx,
        action: Action,
        resource: Resource,
    ) -> Result<(), AccessError> {
        if ctx.may(&PERMISSION) {
            return Ok(());
        }
        self.refuse(ctx, action, resource).await
    }

    async fn refuse<T>(&self, ctx: &Ctx, action: Action, resource: Resource) -> Result<T, AccessError> {
        self.refuse_as(ctx, action, resource, AccessError::Denied).await
    }

    pub(crate) async fn refuse_as<T>(
        &self,
        ctx: &Ctx,
        action: Action,
        resource: Resource,
        error: AccessError,
    ) -> Result<T, AccessError> {
        let mut event = self.event(ctx, action, resource, &[]);
        event.outcome = Outcome::refused(error.code());
        self.recorder.record(event).await?;
        Err(error)
    }

    pub(crate) fn event(&self, ctx: &Ctx, action: Action, resource: Resource, subjects: &[UserId]) -> Event {
        let mut entropy = self.ambient.entropy();
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut *entropy,
        };
        let mut event = Event::new(ctx, &mut env, action.name, resource, Outcome::Success);
        event.subjects = subjects.to_vec();
        event
    }
}
