//! A user and the transitions it can make.

pub(crate) mod account;
pub mod batch;
pub mod change_email;
pub mod change_password;
pub mod create;
pub mod delete;
pub mod disable;
pub mod enable;
pub mod erase;
pub mod export;
pub mod find;
pub mod forgot_password;
pub mod import;
pub mod list;
pub mod lock;
pub mod me;
pub mod object_email;
pub(crate) mod reach;
pub mod register;
pub mod require_password_change;
pub mod reset_password;
pub mod restore;
pub mod revoke_sessions;
pub mod self_unlock;
pub mod unlock;
pub mod update;
pub mod verify_email;
pub mod view;

use vutf_kernel::{Class, OrganizationId, Stamps, Timestamp, UserId};

use crate::{DisplayName, Email, Phone, Username};

/// Whether the account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserStatus {
    /// Registered; the e-mail address is not proved yet.
    Unverified,
    /// May sign in.
    Active,
    /// Barred by an administrator until unlocked.
    Locked,
    /// Switched off.
    Disabled,
}

impl UserStatus {
    /// The stable word for stores and the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Disabled => "disabled",
        }
    }
    /// Reads the stable word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Unverified, Self::Active, Self::Locked, Self::Disabled]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// Who an account is for. It never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserKind {
    /// A person, who signs in.
    #[default]
    Person,
    /// A program. Nobody signs in as one: it has neither password nor second factor, only API keys.
    Service,
}

impl UserKind {
    /// The stable word for stores and the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
        }
    }
    /// Reads the stable word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Person, Self::Service]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// An account of a person or of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// Who it is for.
    pub kind: UserKind,
    /// Unique in the tenant.
    pub username: Username,
    /// Unique in the tenant.
    pub email: Email,
    /// What others see.
    pub display_name: Option<DisplayName>,
    /// E.164.
    pub phone: Option<Phone>,
    /// Whether it may be used.
    pub status: UserStatus,
    /// When the e-mail address was proved.
    pub email_verified_at: Option<Timestamp>,
    /// Grows when everything issued to the user must die: sessions of an older epoch are refused.
    pub epoch: i64,
    /// The last sign-in that succeeded.
    pub last_login_at: Option<Timestamp>,
    /// The last sign-in or use of a session, to the minute. Uses of API keys are none: a program is not a person.
    pub last_seen_at: Option<Timestamp>,
    /// Audit mixin.
    pub stamps: Stamps,
}

/// A transition that the present state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account that is {from} cannot be {verb}")]
pub struct TransitionError {
    /// The present state.
    pub from: &'static str,
    /// What was asked for.
    pub verb: &'static str,
}

impl TransitionError {
    /// It clashes with the present state.
    pub fn class(&self) -> Class {
        Class::Conflict
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        "account_state"
    }
}

/// A user and the names of its roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The user.
    pub user: User,
    /// Names of its roles, sorted.
    pub roles: Vec<String>,
}

impl User {
    /// Whether a correct password leads to a session.
    pub fn may_sign_in(&self) -> bool {
        self.status == UserStatus::Active && !self.stamps.is_deleted() && self.kind == UserKind::Person
    }

    /// Bars the account; its sessions die with the epoch.
    pub fn lock(self, by: Option<UserId>, now: Timestamp) -> Result<Self, TransitionError> {
        self.transition(
            "locked",
            &[UserStatus::Active, UserStatus::Unverified],
            UserStatus::Locked,
            by,
            now,
        )
        .map(Self::end_sessions)
    }
    /// Lifts a lock.
    pub fn unlock(self, by: Option<UserId>, now: Timestamp) -> Result<Self, TransitionError> {
        let to = if self.email_verified_at.is_some() {
            UserStatus::Active
        } else {
            UserStatus::Unverified
        };
        self.transition("unlocked", &[UserStatus::Locked], to, by, now)
    }
    /// Switches the account off; its sessions die with the epoch.
    pub fn disable(self, by: Option<UserId>, now: Timestamp) -> Result<Self, TransitionError> {
        let from = [UserStatus::Active, UserStatus::Unverified, UserStatus::Locked];
        self.transition("disabled", &from, UserStatus::Disabled, by, now)
            .map(Self::end_sessions)
    }
    /// Switches the account on again.
    pub fn enable(self, by: Option<UserId>, now: Timestamp) -> Result<Self, TransitionError> {
        let to = if self.email_verified_at.is_some() {
            UserStatus::Active
        } else {
            UserStatus::Unverified
        };
        self.transition("enabled", &[UserStatus::Disabled], to, by, now)
    }
    /// Whoever acts reads the address. An account that waited for the proof may be used; a lock stays.
    #[must_use]
    pub fn email_proved(self, now: Timestamp) -> Self {
        let by = Some(self.id);
        let status = match self.status {
            UserStatus::Unverified => UserStatus::Active,
            other => other,
        };
        Self {
            status,
            email_verified_at: Some(now),
            ..self.changed(by, now)
        }
    }
    /// Deletes softly; its sessions die with the epoch.
    #[must_use]
    pub fn delete(self, by: Option<UserId>, now: Timestamp) -> Self {
        Self {
            stamps: self.stamps.clone().deleted(by, now),
            ..self.end_sessions()
        }
    }
    /// Takes a soft delete back.
    pub fn restore(self, by: Option<UserId>, now: Timestamp) -> Result<Self, TransitionError> {
        if !self.stamps.is_deleted() {
            return Err(TransitionError {
                from: self.status.as_str(),
                verb: "restored",
            });
        }
        Ok(Self {
            stamps: self.stamps.clone().restored(by, now),
            ..self
        })
    }
    /// Any other change of its data.
    #[must_use]
    pub fn changed(self, by: Option<UserId>, now: Timestamp) -> Self {
        Self {
            stamps: self.stamps.clone().changed(by, now),
            ..self
        }
    }
    /// Ends everything that was issued to the user before.
    #[must_use]
    pub fn end_sessions(self) -> Self {
        Self {
            epoch: self.epoch.saturating_add(1),
            ..self
        }
    }

    fn transition(
        self,
        verb: &'static str,
        from: &[UserStatus],
        to: UserStatus,
        by: Option<UserId>,
        now: Timestamp,
    ) -> Result<Self, TransitionError> {
        if !from.contains(&self.status) {
            return Err(TransitionError {
                from: self.status.as_str(),
                verb,
            });
        }
        Ok(Self {
            status: to,
            ..self.changed(by, now)
        })
    }
}
