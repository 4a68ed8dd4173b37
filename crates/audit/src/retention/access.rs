//! What people and the job do with retention. Each is an event, refusals included.

use vutf_kernel::{
    Action, Ambient, Class, Ctx, Detail, Env, Event, EventRecorder, Fault, Outcome, Permission, PortError,
    PruneRunId, Resource, Timestamp, UseCaseError, transact,
};
use vutf_kernel::{HoldId, Lease};

use super::{
    CLASSES, Doer, EventClass, Hold, HoldReason, HoldScope, Policy, PruneRun, RetentionStore, RunEnd,
    run::{PlanReport, plan},
};
use crate::LogReader;

/// What these events are called.
pub mod action {
    use vutf_kernel::Action;

    pub use super::super::evidence::PRUNE;

    /// What is kept for how long is shown.
    pub const RETENTION: Action = Action::new("audit.retention", "audit");
    /// What a run would remove is counted.
    pub const PLAN: Action = Action::new("audit.retention_plan", "audit");
    /// A run is asked for.
    pub const RUN: Action = Action::new("audit.retention_run", "prune_run");
    /// A run has ended.
    pub const RUN_END: Action = Action::new("audit.retention_end", "prune_run");
    /// Runs are shown.
    pub const RUN_LIST: Action = Action::new("audit.retention_runs", "prune_run");
    /// A legal hold is placed.
    pub const HOLD_PLACE: Action = Action::new("audit.hold_place", "hold");
    /// A legal hold is released.
    pub const HOLD_RELEASE: Action = Action::new("audit.hold_release", "hold");
    /// Legal holds are shown.
    pub const HOLD_LIST: Action = Action::new("audit.hold_list", "hold");
}

/// What a caller needs to place and release holds and to ask for runs.
pub const MANAGE: Permission = Permission::known("audit:retain");

/// Runs that are shown.
pub(super) const RUNS: u32 = 100;

/// What the operator chose.
#[derive(Clone, Debug)]
pub struct RetentionSettings {
    /// Whether anything is removed at all.
    pub enabled: bool,
    /// How long what is kept.
    pub policy: Policy,
}

/// The handles that the use cases of this module need.
#[derive(Clone, Copy)]
pub struct Retention<'a> {
    /// Runs, holds and entries.
    pub store: &'a dyn RetentionStore,
    /// The log.
    pub reader: &'a dyn LogReader,
    /// Takes the events about looking.
    pub recorder: &'a dyn EventRecorder,
    /// Time and randomness.
    pub ambient: &'a Ambient,
    /// What the operator chose.
    pub settings: &'a RetentionSettings,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// A permission is missing.
    #[error("this needs the permission {}", .0.as_str())]
    Denied(Permission),
    /// No such hold in the caller's tenant.
    #[error("there is no such hold")]
    NotFound,
    /// Somebody released it before.
    #[error("the hold is released already")]
    Released,
    /// Its end lies before its beginning.
    #[error("`from` must lie before `until`")]
    Span,
    /// The operator has not switched pruning on.
    #[error("nothing is pruned while audit.retention.enabled is false")]
    Disabled,
    /// A run is under way.
    #[error("a run is under way already")]
    UnderWay,
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl RetentionError {
    /// Which status it becomes.
    pub fn class(&self) -> Class {
        match self {
            Self::Denied(_) => Class::Forbidden,
            Self::NotFound => Class::NotFound,
            Self::Span => Class::Invalid,
            Self::Released | Self::Disabled | Self::UnderWay => Class::Conflict,
            Self::Port(error) => error.class(),
        }
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "permission_denied",
            Self::NotFound => "not_found",
            Self::Released => "hold_released",
            Self::Span => "invalid_value",
            Self::Disabled => "retention_disabled",
            Self::UnderWay => "run_under_way",
            Self::Port(error) if error.class() == Class::Unavailable => "unavailable",
            Self::Port(_) => "internal",
        }
    }
}

impl UseCaseError for RetentionError {
    fn port(&self) -> Option<&PortError> {
        match self {
            Self::Port(error) => Some(error),
            _ => None,
        }
    }
}

/// A class as it stands now.
#[derive(Clone, Debug)]
pub struct ClassStatus {
    /// The class.
    pub class: &'static EventClass,
    /// Events of it.
    pub count: u64,
    /// When the oldest of them happened.
    pub oldest: Option<Timestamp>,
    /// What happened before this instant may go now; `None` when nothing may.
    pub cutoff: Option<Timestamp>,
}

impl Retention<'_> {
    /// Every class with its period, its events and what may go now.
    pub async fn status(&self, ctx: &Ctx) -> Result<Vec<ClassStatus>, RetentionError> {
        let read = crate::access::PERMISSION;
        self.look(ctx, read, action::RETENTION).await?;
        let (census, now) = (self.store.census().await?, self.ambient.now());
        let of = |class: &'static EventClass| {
            let mine = census
                .iter()
                .filter(move |line| *EventClass::of(&line.action) == *class);
            ClassStatus {
                class,
                count: mine.clone().map(|line| line.count).sum(),
                oldest: mine.map(|line| line.oldest).min(),
                cutoff: self.settings.policy.cutoff(class, now),
            }
        };
        Ok(CLASSES.iter().map(of).collect())
    }

    /// What a run would remove now, class by class. Works whether pruning is switched on or not.
    pub async fn dry_run(
        &self,
        ctx: &Ctx,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<PlanReport, RetentionError> {
        self.look(ctx, MANAGE, action::PLAN).await?;
        Ok(plan(*self, self.ambient.now(), progress).await?)
    }

    /// Asks for a run; the job does it.
    pub async fn request(&self, ctx: &Ctx) -> Result<PruneRun, RetentionError> {
        self.admit(ctx, MANAGE, action::RUN, action::RUN.none()).await?;
        let refusal = if self.settings.enabled {
            let open = self.store.open_run().await?;
            open.map(|_| RetentionError::UnderWay)
        } else {
            Some(RetentionError::Disabled)
        };
        if let Some(refusal) = refusal {
            return self.refuse(ctx, action::RUN, action::RUN.none(), refusal).await;
        }
        let made = transact(self.store, self.ambient, |tx, mut env| {
            let run = PruneRun {
                id: PruneRunId::generate(env.clock, env.entropy),
                requested_at: env.now(),
                requested_by: Doer::from(&ctx.actor),
                policy: self.settings.policy.version(),
                removed: 0,
                end: None,
            };
            let event = event(ctx, &mut env, action::RUN, action::RUN.one(run.id.as_uuid()))
                .detail("policy", Detail::Text(run.policy.clone()));
            Box::pin(async move {
                tx.add_run(&run, event.id).await?;
                tx.log().append(event).await?;
                Ok::<_, PortError>(run)
            })
        });
        Ok(made.await?)
    }

    /// The newest runs.
    pub async fn runs(&self, ctx: &Ctx) -> Result<Vec<PruneRun>, RetentionError> {
        self.look(ctx, crate::access::PERMISSION, action::RUN_LIST)
            .await?;
        Ok(self.store.runs(RUNS).await?)
    }

    /// The holds of the caller's tenant, released ones too.
    pub async fn holds(&self, ctx: &Ctx) -> Result<Vec<Hold>, RetentionError> {
        self.look(ctx, crate::access::PERMISSION, action::HOLD_LIST)
            .await?;
        Ok(self.store.holds(Some(ctx.organization_id)).await?)
    }

    /// Places a hold. Of the caller's own tenant only, unless it is the operator of the machine who places it.
    pub async fn place(
        &self,
        ctx: &Ctx,
        reason: HoldReason,
        scope: HoldScope,
    ) -> Result<Hold, RetentionError> {
        let none = action::HOLD_PLACE.none();
        self.admit(ctx, MANAGE, action::HOLD_PLACE, none).await?;
        if !scope.is_possible() {
            return Err(RetentionError::Span);
        }
        let scope = HoldScope {
            organization_id: if ctx.is_trusted() {
                scope.organization_id
            } else {
                Some(ctx.organization_id)
            },
            ..scope
        };
        let placed = transact(self.store, self.ambient, |tx, mut env| {
            let hold = Hold {
                id: HoldId::generate(env.clock, env.entropy),
                placed_in: ctx.organization_id,
                reason: reason.clone(),
                scope: scope.clone(),
                placed_at: env.now(),
                placed_by: Doer::from(&ctx.actor),
                released: None,
            };
            let resource = action::HOLD_PLACE.one(hold.id.as_uuid());
            let event = event(ctx, &mut env, action::HOLD_PLACE, resource);
            let event = event.detail("reason", Detail::Text(hold.reason.as_str().to_owned()));
            let details = hold.scope.details().into_iter();
            let event = details.fold(event, |event, (name, text)| {
                event.detail(name, Detail::Text(text))
            });
            Box::pin(async move {
                tx.add_hold(&hold, event.id).await?;
                tx.log().append(event).await?;
                Ok::<_, PortError>(hold)
            })
        });
        Ok(placed.await?)
    }

    /// Releases a hold of the caller's tenant.
    pub async fn release(&self, ctx: &Ctx, id: HoldId) -> Result<Hold, RetentionError> {
        let resource = action::HOLD_RELEASE.one(id.as_uuid());
        self.admit(ctx, MANAGE, action::HOLD_RELEASE, resource.clone())
            .await?;
        let released = transact(self.store, self.ambient, |tx, mut env| {
            let (at, by, home) = (env.now(), Doer::from(&ctx.actor), ctx.organization_id);
            let event = event(
                ctx,
                &mut env,
                action::HOLD_RELEASE,
                action::HOLD_RELEASE.one(id.as_uuid()),
            );
            Box::pin(async move {
                let found = tx.find_hold(home, id).await?;
                let hold = found.ok_or(RetentionError::NotFound)?;
                if hold.released.is_some() {
                    return Err(RetentionError::Released);
                }
                match tx.release_hold(id, at, &by, event.id).await {
                    Err(error) if error.fault == Fault::Duplicate => return Err(RetentionError::Released),
                    done => done?,
                }
                tx.log().append(event).await?;
                Ok(Hold {
                    released: Some((at, by)),
                    ..hold
                })
            })
        });
        match released.await {
            Err(refusal @ RetentionError::Released) => {
                self.refuse(ctx, action::HOLD_RELEASE, resource, refusal).await
            }
            done => done,
        }
    }

    /// Ends a run, under the job's lease.
    pub(super) async fn end(
        &self,
        ctx: &Ctx,
        lease: &Lease,
        run: PruneRunId,
        removed: u64,
        finding: Option<String>,
    ) -> Result<RunEnd, PortError> {
        transact(self.store, self.ambient, |tx, mut env| {
            let end = RunEnd {
                at: env.now(),
                finding: finding.clone(),
            };
            let mut event = event(ctx, &mut env, action::RUN_END, action::RUN_END.one(run.as_uuid())).detail(
                "removed",
                Detail::Number(i64::try_from(removed).unwrap_or(i64::MAX)),
            );
            if let Some(finding) = &end.finding {
                event.outcome = Outcome::Failed {
                    reason: "stopped".into(),
                };
                event = event.detail("finding", Detail::Text(finding.clone()));
            }
            let lease = lease.clone();
            Box::pin(async move {
                tx.fence(&lease).await?;
                tx.end_run(run, &end).await?;
                tx.log().append(event).await?;
                Ok::<_, PortError>(end)
            })
        })
        .await
    }

    /// What only shows: the event is there before the answer.
    async fn look(&self, ctx: &Ctx, permission: Permission, action: Action) -> Result<(), RetentionError> {
        self.admit(ctx, permission, action, action.none()).await?;
        let event = self.made(ctx, action, action.none());
        Ok(self.recorder.record(event).await?)
    }

    async fn admit(
        &self,
        ctx: &Ctx,
        permission: Permission,
        action: Action,
        resource: Resource,
    ) -> Result<(), RetentionError> {
        if ctx.may(&permission) {
            return Ok(());
        }
        self.refuse(ctx, action, resource, RetentionError::Denied(permission))
            .await
    }

    async fn refuse<T>(
        &self,
        ctx: &Ctx,
        action: Action,
        resource: Resource,
        refusal: RetentionError,
    ) -> Result<T, RetentionError> {
        let mut event = self.made(ctx, action, resource);
        event.outcome = Outcome::refused(refusal.code());
        self.recorder.record(event).await?;
        Err(refusal)
    }

    fn made(&self, ctx: &Ctx, action: Action, resource: Resource) -> Event {
        let mut entropy = self.ambient.entropy();
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut *entropy,
        };
        event(ctx, &mut env, action, resource)
    }
}

pub(super) fn event(ctx: &Ctx, env: &mut Env<'_>, action: Action, resource: Resource) -> Event {
    Event::new(ctx, env, action.name, resource, Outcome::Success)
}
