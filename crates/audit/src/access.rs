//! What people see of the log. Each look is an event itself, and what cannot be recorded is not shown (NIST SP 800-53 AU-5).

use vutf_kernel::{
    Action, Ambient, Class, Ctx, Detail, Env, Event, EventId, EventRecorder, Outcome, Page, PageRequest,
    Permission, PortError, Resource, UseCaseError, UserId,
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
    /// The head of the log is shown.
    pub const STATUS: Action = Action::new("audit.status", "audit");
    /// The last events of all tenants are shown on the machine.
    pub const TAIL: Action = Action::new("audit.tail", "audit");
    /// The events of all tenants are written out on the machine.
    pub const EXPORT: Action = Action::new("audit.export", "audit");
    /// The whole log is written out on the machine, with all that a stranger needs to verify it.
    pub const BUNDLE: Action = Action::new("audit.bundle", "audit");
    /// The present head is accepted on the machine in the place of the one that was noted there.
    pub const ACCEPT_HEAD: Action = Action::new("audit.accept_head", "audit");
}

/// What a caller needs to see the log.
pub const PERMISSION: Permission = Permission::known("audit:read");

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The caller may not see the log, or not all of it.
    #[error("this needs the permission {}", PERMISSION.as_str())]
    Denied,
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
            Self::NotFound => Class::NotFound,
            Self::Port(error) => error.class(),
        }
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied => "permission_denied",
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
            Self::Denied | Self::NotFound => None,
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

/// The events of the caller's tenant that `filter` matches, whatever tenant it names; oldest first.
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
    let count = Detail::Number(i64::try_from(found.items.len()).unwrap_or(i64::MAX));
    let subjects: Vec<UserId> = filter.subject.into_iter().collect();
    let event = log.event(ctx, action::LIST, action::LIST.none(), &subjects);
    log.recorder.record(event.detail("count", count)).await?;
    Ok(found)
}

/// One event of the caller's tenant; another tenant's is answered like one that does not exist.
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
    let event = log.event(ctx, action, resource, &record.intake.subjects);
    log.recorder.record(event).await?;
    Ok(record)
}

/// How far the log of all tenants has come; it shows no event.
pub async fn status(ctx: &Ctx, log: Access<'_>) -> Result<Status, AccessError> {
    let resource = action::STATUS.none();
    log.admit(ctx, action::STATUS, resource.clone()).await?;
    let status = Status {
        head: log.reader.head().await?,
        pending: log.reader.pending_count().await?,
    };
    log.recorder
        .record(log.event(ctx, action::STATUS, resource, &[]))
        .await?;
    Ok(status)
}

/// The log of all tenants in its own order, `from_seq` first. Only for those who hold the database already; `action` says what
/// they want with it.
pub async fn whole<'a>(
    ctx: &Ctx,
    log: Access<'a>,
    action: Action,
    from_seq: i64,
) -> Result<&'a dyn LogReader, AccessError> {
    let resource = action.none();
    if !ctx.is_trusted() {
        return log.refuse(ctx, action, resource).await;
    }
    let event = log.event(ctx, action, resource, &[]);
    let event = event.detail("from_seq", Detail::Number(from_seq));
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
        let mut event = self.event(ctx, action, resource, &[]);
        event.outcome = Outcome::refused(AccessError::Denied.code());
        self.recorder.record(event).await?;
        Err(AccessError::Denied)
    }

    fn event(&self, ctx: &Ctx, action: Action, resource: Resource, subjects: &[UserId]) -> Event {
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
