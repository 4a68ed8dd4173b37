//! One attempt at a use case: the transaction, the time and randomness for it, who asks, and what for.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;
use vutf_kernel::{
    Action, BoxFuture, Ctx, Decision, Detail, Env, Event, EventRecorder, InvitationId, Outcome, Permission,
    PortError, Question, Resource, SessionId, Timestamp, Units, UserId, transact,
};

use crate::{
    Identity, IdentityUnit, User,
    link::LinkInvalid,
    refusal::{Coded, RuleError, records_refusal},
};

/// The detail of an event that changed a user: the version that came of it.
pub(crate) const VERSION: &str = "version";

/// Everything is owned or lives as long as the attempt, so that a lost attempt can be made again from the start.
pub(crate) struct Work<'a, C> {
    pub(crate) tx: &'a mut (dyn IdentityUnit + 'static),
    pub(crate) env: Env<'a>,
    pub(crate) ctx: Arc<Ctx>,
    pub(crate) id: Identity,
    pub(crate) command: Arc<C>,
}

impl<C> Work<'_, C> {
    /// The same attempt, at another use case.
    pub(crate) fn nested<D>(&mut self, command: D) -> Work<'_, D> {
        Work {
            tx: &mut *self.tx,
            env: Env {
                clock: self.env.clock,
                entropy: &mut *self.env.entropy,
            },
            ctx: Arc::clone(&self.ctx),
            id: self.id.clone(),
            command: Arc::new(command),
        }
    }
    pub(crate) fn now(&self) -> Timestamp {
        self.env.now()
    }
    /// The user who acts, for stamps.
    pub(crate) fn by(&self) -> Option<UserId> {
        self.ctx.actor.user_id()
    }
    /// The user who acts, if it is they themself in a session, and no program with a key of theirs.
    pub(crate) fn signed_in(&self) -> Option<UserId> {
        self.ctx.actor.signed_in()
    }
    /// Refuses a caller who lacks `permission`.
    pub(crate) fn require(&self, permission: &Permission) -> Result<(), RuleError> {
        require(&self.ctx, permission)
    }
    /// Raises `event` after `fill` completed it.
    pub(crate) async fn raise(
        &mut self,
        about: &About,
        outcome: Outcome,
        fill: impl FnOnce(Event) -> Event + Send,
    ) -> Result<(), PortError> {
        let event = about.event(&self.ctx, &mut self.env, outcome);
        self.tx.events().append(fill(event)).await
    }
    /// Raises the event of a read, which tells what it shows.
    pub(crate) async fn shown(
        &mut self,
        about: &About,
        question: &Question,
        ids: &[Uuid],
    ) -> Result<(), PortError> {
        self.raise(about, Outcome::Success, |event| event.shows(question, ids))
            .await
    }
    /// Raises the event of a success.
    pub(crate) async fn done(&mut self, about: &About) -> Result<(), PortError> {
        self.raise(about, Outcome::Success, |event| event).await
    }
}

/// Refuses a caller who lacks `permission`.
pub(crate) fn require(ctx: &Ctx, permission: &Permission) -> Result<(), RuleError> {
    match ctx.decide(permission) {
        Decision::Allowed => Ok(()),
        Decision::NotGranted => Err(RuleError::Denied(permission.clone())),
        Decision::Denied(denial) => Err(RuleError::Policy(Box::new(denial))),
    }
}

/// What an event is about, whichever way it ends.
#[derive(Clone)]
pub(crate) struct About {
    action: Action,
    resource: Resource,
    subject: Option<UserId>,
    version: Option<i64>,
}

impl About {
    /// An action on one user.
    pub(crate) fn user(action: Action, user: UserId) -> Self {
        Self {
            action,
            resource: action.one(user.as_uuid()),
            subject: Some(user),
            version: None,
        }
    }
    /// A change of one user. The log notes the version that came of it, so that an older row which is put back into the store
    /// is known by it.
    pub(crate) fn written(action: Action, user: &User) -> Self {
        Self {
            version: Some(user.stamps.version),
            ..Self::user(action, user.id)
        }
    }
    /// An action on one session.
    pub(crate) fn session(action: Action, session: SessionId) -> Self {
        Self::one(action, session.as_uuid())
    }
    /// An action on one object that is neither.
    pub(crate) fn one(action: Action, id: Uuid) -> Self {
        Self {
            action,
            resource: action.one(id),
            subject: None,
            version: None,
        }
    }
    /// An action on one invitation.
    pub(crate) fn invitation(action: Action, invitation: InvitationId) -> Self {
        Self {
            action,
            resource: action.one(invitation.as_uuid()),
            subject: None,
            version: None,
        }
    }
    /// An action on no object in particular.
    pub(crate) fn kind(action: Action) -> Self {
        Self {
            action,
            resource: action.none(),
            subject: None,
            version: None,
        }
    }
    /// Names whose data is touched.
    pub(crate) fn of(self, user: impl Into<Option<UserId>>) -> Self {
        Self {
            subject: user.into(),
            ..self
        }
    }

    fn event(&self, ctx: &Ctx, env: &mut Env<'_>, outcome: Outcome) -> Event {
        let event = Event::new(ctx, env, self.action.name, self.resource.clone(), outcome);
        let event = match self.version {
            Some(version) => event.detail(VERSION, Detail::Number(version)),
            None => event,
        };
        match self.subject {
            Some(user) => event.subject(user),
            None => event,
        }
    }
}

impl Identity {
    /// Runs `work` in a transaction, as often as the store's retry policy allows.
    pub(crate) async fn run<C, T, E>(
        &self,
        ctx: &Ctx,
        command: C,
        work: impl for<'a> FnMut(Work<'a, C>) -> BoxFuture<'a, Result<T, E>> + Send,
    ) -> Result<T, E>
    where
        C: Send + Sync + 'static,
        T: Send,
        E: vutf_kernel::UseCaseError,
    {
        let units: &dyn Units<dyn IdentityUnit> = &*self.store;
        self.within(units, ctx, command, work).await
    }

    /// As [`Identity::run`], for work that shows something and changes nothing: its events are recorded after the read and
    /// before the answer.
    pub(crate) async fn look<C, T, E>(
        &self,
        ctx: &Ctx,
        command: C,
        work: impl for<'a> FnMut(Work<'a, C>) -> BoxFuture<'a, Result<T, E>> + Send,
    ) -> Result<T, E>
    where
        C: Send + Sync + 'static,
        T: Send,
        E: vutf_kernel::UseCaseError,
    {
        self.within(&*self.looks, ctx, command, work).await
    }

    async fn within<C, T, E>(
        &self,
        units: &dyn Units<dyn IdentityUnit>,
        ctx: &Ctx,
        command: C,
        mut work: impl for<'a> FnMut(Work<'a, C>) -> BoxFuture<'a, Result<T, E>> + Send,
    ) -> Result<T, E>
    where
        C: Send + Sync + 'static,
        T: Send,
        E: vutf_kernel::UseCaseError,
    {
        let (ctx, command) = (Arc::new(ctx.clone()), Arc::new(command));
        transact(units, &self.ambient, |tx, env| {
            work(Work {
                tx,
                env,
                ctx: ctx.clone(),
                id: self.clone(),
                command: command.clone(),
            })
        })
        .await
    }

    /// Forgets what is remembered of sessions that ended.
    pub(crate) fn forget(&self, ended: &[SessionId]) {
        for session in ended {
            self.sessions.forget(*session);
        }
    }

    /// Writes a refusal to the log; its own transaction, if there was one, is rolled back.
    pub(crate) async fn audited<T: Send, E: Coded>(
        &self,
        ctx: &Ctx,
        about: About,
        done: Result<T, E>,
    ) -> Result<T, E> {
        if let Err(error) = &done
            && error.port().is_none()
            && records_refusal(error.class())
        {
            self.refused(ctx, about, error.code()).await?;
        }
        done
    }

    /// As [`Identity::audited`], for what needs a link: the log is told what is wrong with it, the caller is not.
    pub(crate) async fn audited_link<T: Send, E: Coded>(
        &self,
        ctx: &Ctx,
        action: Action,
        link: Option<LinkInvalid>,
        done: Result<T, E>,
    ) -> Result<T, E> {
        let Some(link) = link else {
            return self.audited(ctx, About::kind(action), done).await;
        };
        let about = link
            .user
            .map_or_else(|| About::kind(action), |user| About::user(action, user));
        self.refused(ctx, about, link.reason).await?;
        done
    }

    /// Writes one refusal to the log.
    pub(crate) async fn refused(
        &self,
        ctx: &Ctx,
        about: About,
        reason: &'static str,
    ) -> Result<(), PortError> {
        self.ended(ctx, about, Outcome::refused(reason)).await
    }

    /// Writes that something was shown which needs no transaction to read.
    pub(crate) async fn shown(&self, ctx: &Ctx, about: About) -> Result<(), PortError> {
        self.ended(ctx, about, Outcome::Success).await
    }

    pub(crate) async fn ended(&self, ctx: &Ctx, about: About, outcome: Outcome) -> Result<(), PortError> {
        let event = {
            let mut entropy = self.ambient.entropy();
            let mut env = Env {
                clock: self.ambient.clock(),
                entropy: &mut *entropy,
            };
            about.event(ctx, &mut env, outcome)
        };
        self.recorder.record(event).await
    }
}

#[async_trait]
impl EventRecorder for Identity {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        self.recorder.record(event).await
    }
}
