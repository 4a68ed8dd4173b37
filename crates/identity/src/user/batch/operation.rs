//! One act of a batch: the command of the use case of its own route.

use vutf_kernel::{Class, Ctx, PortError, UserId};

use crate::{
    Identity, User,
    refusal::Coded,
    role::assign::{self, AssignRoles, assign},
    user::{
        account::NewAccount,
        create::{self, CreateUser, create},
        delete::{self, DeleteUser, delete},
        disable::{self, Disable, disable},
        enable::{self, Enable, enable},
        lock::{self, Lock, lock},
        require_password_change::{self, RequirePasswordChange, require_password_change},
        restore::{self, RestoreUser, restore},
        revoke_sessions::{self, RevokeSessions, revoke_sessions},
        unlock::{self, Unlock, unlock},
        update::{self, UpdateUser, update},
    },
    work::Work,
};

/// One act.
#[derive(Debug)]
pub enum Operation {
    /// Makes an account.
    Create(Box<CreateUser>),
    /// Changes the data of an account.
    Update(Box<UpdateUser>),
    /// Replaces the roles of an account.
    AssignRoles(AssignRoles),
    /// Deletes an account softly.
    Delete(DeleteUser),
    /// Takes a soft delete back.
    Restore(UserId),
    /// Bars an account.
    Lock(UserId),
    /// Lifts a lock, and the delays after wrong passwords.
    Unlock(UserId),
    /// Switches an account off.
    Disable(UserId),
    /// Switches an account on.
    Enable(UserId),
    /// Ends the sessions of an account.
    RevokeSessions(UserId),
    /// Has somebody choose another password.
    RequirePasswordChange(UserId),
}

/// The same with the slow work done that no transaction waits for, so that it can be done again from the start.
#[derive(Clone)]
pub(super) enum Prepared {
    Create(Box<NewAccount>),
    Update(Box<UpdateUser>),
    AssignRoles(AssignRoles),
    Delete(DeleteUser),
    Restore(UserId),
    Lock(UserId),
    Unlock(UserId),
    Disable(UserId),
    Enable(UserId),
    RevokeSessions(UserId),
    RequirePasswordChange(UserId),
}

/// Why one was not done, whichever use case refused it.
pub(super) struct Refusal {
    class: Class,
    code: &'static str,
    detail: String,
    /// The failure of a port, which says nothing to the caller.
    port: Option<PortError>,
}

impl Refusal {
    fn of<E: Coded + std::fmt::Display + IntoPort>(error: E) -> Self {
        let (class, code) = (error.class(), error.code());
        match error.into_port() {
            Ok(port) => Self {
                class,
                code,
                detail: "it could not be done; try again".to_owned(),
                port: Some(port),
            },
            Err(error) => Self {
                class,
                code,
                detail: error.to_string(),
                port: None,
            },
        }
    }
    pub(super) fn into_port(mut self) -> Result<PortError, Self> {
        self.port.take().ok_or(self)
    }
    pub(super) fn facts(self) -> (Class, &'static str, String) {
        (self.class, self.code, self.detail)
    }
}

/// An error that may be one of a port.
pub(super) trait IntoPort: Sized {
    /// That of the port, or itself.
    fn into_port(self) -> Result<PortError, Self>;
}

macro_rules! into_port {
    ($($error:ty),+ $(,)?) => {$(
        impl IntoPort for $error {
            fn into_port(self) -> Result<PortError, Self> {
                match self {
                    Self::Port(error) => Ok(error),
                    other => Err(other),
                }
            }
        }
    )+};
}

into_port!(
    create::CreateError,
    update::UpdateError,
    assign::AssignError,
    delete::DeleteError,
    restore::RestoreError,
    lock::LockError,
    unlock::UnlockError,
    disable::DisableError,
    enable::EnableError,
    revoke_sessions::RevokeSessionsError,
    require_password_change::RequirePasswordChangeError,
);

impl Operation {
    /// Whether a password is to be hashed for it.
    pub(super) fn has_password(&self) -> bool {
        matches!(self, Self::Create(command) if command.password.is_some())
    }

    pub(super) async fn prepare(self, ctx: &Ctx, id: &Identity) -> Result<Prepared, Refusal> {
        Ok(match self {
            Self::Create(command) => {
                let account = create::prepared(ctx, id, *command).await;
                Prepared::Create(Box::new(account.map_err(Refusal::of)?))
            }
            Self::Update(command) => Prepared::Update(command),
            Self::AssignRoles(command) => Prepared::AssignRoles(command),
            Self::Delete(command) => Prepared::Delete(command),
            Self::Restore(user) => Prepared::Restore(user),
            Self::Lock(user) => Prepared::Lock(user),
            Self::Unlock(user) => Prepared::Unlock(user),
            Self::Disable(user) => Prepared::Disable(user),
            Self::Enable(user) => Prepared::Enable(user),
            Self::RevokeSessions(user) => Prepared::RevokeSessions(user),
            Self::RequirePasswordChange(user) => Prepared::RequirePasswordChange(user),
        })
    }

    /// As its own route does it.
    pub(super) async fn alone(self, ctx: &Ctx, id: &Identity) -> Result<User, Refusal> {
        match self {
            Self::Create(command) => create(ctx, id, *command).await.map_err(Refusal::of),
            Self::Update(command) => update(ctx, id, *command).await.map_err(Refusal::of),
            Self::AssignRoles(command) => {
                let profile = assign(ctx, id, command).await.map_err(Refusal::of)?;
                Ok(profile.user)
            }
            Self::Delete(command) => delete(ctx, id, command).await.map_err(Refusal::of),
            Self::Restore(user_id) => restore(ctx, id, RestoreUser { user_id })
                .await
                .map_err(Refusal::of),
            Self::Lock(user_id) => lock(ctx, id, Lock { user_id }).await.map_err(Refusal::of),
            Self::Unlock(user_id) => unlock(ctx, id, Unlock { user_id }).await.map_err(Refusal::of),
            Self::Disable(user_id) => disable(ctx, id, Disable { user_id }).await.map_err(Refusal::of),
            Self::Enable(user_id) => enable(ctx, id, Enable { user_id }).await.map_err(Refusal::of),
            Self::RevokeSessions(user_id) => {
                let done = revoke_sessions(ctx, id, RevokeSessions { user_id }).await;
                done.map_err(Refusal::of)
            }
            Self::RequirePasswordChange(user_id) => {
                let done = require_password_change(ctx, id, RequirePasswordChange { user_id }).await;
                done.map_err(Refusal::of)
            }
        }
    }
}

impl Prepared {
    /// Within the transaction of all of them.
    pub(super) async fn apply<C>(&self, work: &mut Work<'_, C>) -> Result<User, Refusal> {
        match self.clone() {
            Self::Create(account) => {
                let work = work.nested(*account);
                create::apply(work).await.map_err(Refusal::of)
            }
            Self::Update(command) => update::apply(work.nested(*command)).await.map_err(Refusal::of),
            Self::AssignRoles(command) => {
                let profile = assign::alone(work.nested(command)).await.map_err(Refusal::of)?;
                Ok(profile.user)
            }
            Self::Delete(command) => delete::apply(work.nested(command)).await.map_err(Refusal::of),
            Self::Restore(user_id) => {
                let work = work.nested(RestoreUser { user_id });
                restore::apply(work).await.map_err(Refusal::of)
            }
            Self::Lock(user_id) => lock::apply(work.nested(Lock { user_id }))
                .await
                .map_err(Refusal::of),
            Self::Unlock(user_id) => {
                let work = work.nested(Unlock { user_id });
                unlock::apply(work).await.map_err(Refusal::of)
            }
            Self::Disable(user_id) => {
                let work = work.nested(Disable { user_id });
                disable::apply(work).await.map_err(Refusal::of)
            }
            Self::Enable(user_id) => {
                let work = work.nested(Enable { user_id });
                enable::apply(work).await.map_err(Refusal::of)
            }
            Self::RevokeSessions(user_id) => {
                let work = work.nested(RevokeSessions { user_id });
                revoke_sessions::apply(work).await.map_err(Refusal::of)
            }
            Self::RequirePasswordChange(user_id) => {
                let work = work.nested(RequirePasswordChange { user_id });
                require_password_change::apply(work).await.map_err(Refusal::of)
            }
        }
    }
}
