//! Users, passwords, roles and the bootstrap secret.

use async_trait::async_trait;
use vutf_kernel::{Fault, OrganizationId, Page, PageRequest, PortError, Timestamp, UserId};

use super::{MemoryTx, State};
use crate::{
    LoginName, User,
    password::PastPassword,
    refresh::TokenHash,
    repo::{BootstrapRecord, BootstrapRepo, PasswordRecord, PasswordRepo, RoleRepo, UserFilter, UserRepo},
};

/// When somebody was last there; never: when their account was made.
pub(super) fn last_there(user: &User) -> Timestamp {
    user.last_seen_at.unwrap_or(user.stamps.created_at)
}

impl MemoryTx {
    fn live_users(&self, organization: OrganizationId) -> impl Iterator<Item = &User> {
        let users = self.state.users.values();
        users.filter(move |user| user.organization_id == organization && !user.stamps.is_deleted())
    }

    /// Names are unique among the users of a tenant that are not deleted.
    fn check_names(&self, op: &'static str, user: &User) -> Result<(), PortError> {
        let taken = self.live_users(user.organization_id).any(|other| {
            other.id != user.id
                && (other.username.canonical() == user.username.canonical()
                    || other.email.canonical() == user.email.canonical())
        });
        if taken && !user.stamps.is_deleted() {
            return Err(PortError::new(op, Fault::Duplicate, "a name is taken"));
        }
        Ok(())
    }
}

#[async_trait]
impl UserRepo for MemoryTx {
    async fn insert(&mut self, user: &User) -> Result<(), PortError> {
        self.check_names("users.insert", user)?;
        self.write().users.insert(user.id, user.clone());
        Ok(())
    }

    async fn find(&mut self, organization: OrganizationId, id: UserId) -> Result<Option<User>, PortError> {
        let found = self.find_with_deleted(organization, id).await?;
        Ok(found.filter(|user| !user.stamps.is_deleted()))
    }

    async fn find_with_deleted(
        &mut self,
        organization: OrganizationId,
        id: UserId,
    ) -> Result<Option<User>, PortError> {
        let found = self.state.users.get(&id);
        Ok(found.filter(|user| user.organization_id == organization).cloned())
    }

    async fn find_by_login(
        &mut self,
        organization: OrganizationId,
        name: &LoginName,
    ) -> Result<Option<User>, PortError> {
        let matches = |user: &&User| match name {
            LoginName::Username(username) => user.username.canonical() == username.canonical(),
            LoginName::Email(email) => user.email.canonical() == email.canonical(),
            LoginName::Unknown => false,
        };
        Ok(self.live_users(organization).find(matches).cloned())
    }

    async fn update(&mut self, user: &User) -> Result<(), PortError> {
        let present = self.state.users.get(&user.id).filter(|present| {
            present.organization_id == user.organization_id
                && present.stamps.version.saturating_add(1) == user.stamps.version
        });
        if present.is_none() {
            return Err(PortError::new("users.update", Fault::Stale, "another version"));
        }
        self.check_names("users.update", user)?;
        self.write().users.insert(user.id, user.clone());
        Ok(())
    }

    /// The row is gone as a whole: nothing here refers to it.
    async fn erase(
        &mut self,
        organization: OrganizationId,
        id: UserId,
        _: Option<UserId>,
        _: Timestamp,
    ) -> Result<bool, PortError> {
        let users = &mut self.write().users;
        let is_there = users
            .get(&id)
            .is_some_and(|user| user.organization_id == organization);
        if is_there {
            users.remove(&id);
        }
        Ok(is_there)
    }

    async fn note_login(&mut self, id: UserId, at: Timestamp) -> Result<(), PortError> {
        if let Some(user) = self.write().users.get_mut(&id) {
            user.last_login_at = Some(at);
            user.last_seen_at = Some(at);
        }
        self.write().told.remove(&id);
        Ok(())
    }

    async fn list(
        &mut self,
        organization: OrganizationId,
        filter: &UserFilter,
        page: &PageRequest,
    ) -> Result<Page<User>, PortError> {
        let items = self
            .live_users(organization)
            .filter(|user| filter.status.is_none_or(|status| user.status == status))
            .filter(|user| filter.kind.is_none_or(|kind| user.kind == kind))
            .filter(|user| filter.inactive_since.is_none_or(|since| last_there(user) < since))
            .filter(|user| page.after.is_none_or(|after| user.id.as_uuid() > after))
            .take(usize::from(page.limit) + 1)
            .cloned()
            .collect();
        Ok(Page::from_overfetch(items, page.limit, |user: &User| {
            user.id.as_uuid()
        }))
    }
}

#[async_trait]
impl PasswordRepo for MemoryTx {
    async fn find(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<PasswordRecord>, PortError> {
        Ok(self.state.passwords.get(&(organization, user)).cloned())
    }
    async fn put(&mut self, record: &PasswordRecord) -> Result<(), PortError> {
        let key = (record.organization_id, record.user_id);
        let mut record = record.clone();
        if let Some(old) = self.state.passwords.get(&key) {
            record.stamps = old
                .stamps
                .clone()
                .changed(record.stamps.updated_by, record.stamps.updated_at);
        }
        self.write().passwords.insert(key, record);
        Ok(())
    }
    async fn remove(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        let removed = self.write().passwords.remove(&(organization, user));
        Ok(u64::from(removed.is_some()))
    }
    async fn past(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        limit: u32,
    ) -> Result<Vec<PastPassword>, PortError> {
        let past = self.state.past_passwords.iter();
        let theirs = past.filter(|past| past.organization_id == organization && past.user_id == user);
        let mut found: Vec<PastPassword> = theirs.cloned().collect();
        found.sort_by_key(|past| std::cmp::Reverse((past.replaced_at, past.id)));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }
    async fn remember(&mut self, past: &PastPassword) -> Result<(), PortError> {
        self.write().past_passwords.push(past.clone());
        Ok(())
    }
    async fn forget_past(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        keep: u32,
    ) -> Result<u64, PortError> {
        let kept = self.past(organization, user, keep).await?;
        let is_kept = |past: &PastPassword| {
            past.organization_id != organization
                || past.user_id != user
                || kept.iter().any(|newer| newer.id == past.id)
        };
        let past = &mut self.write().past_passwords;
        let before = past.len();
        past.retain(is_kept);
        Ok(u64::try_from(before - past.len()).unwrap_or(u64::MAX))
    }
}

impl State {
    pub(super) fn roles_of(&self, organization: OrganizationId, user: UserId) -> Vec<String> {
        let found = self.roles.get(&(organization, user));
        let mut roles = found.cloned().unwrap_or_default();
        roles.sort_unstable();
        roles
    }
    /// In the order of [`Self::roles_of`].
    pub(super) fn roles_since(&self, organization: OrganizationId, user: UserId) -> Vec<Timestamp> {
        let roles = self.roles_of(organization, user).into_iter();
        let since = roles.map(|role| self.given.get(&(organization, user, role)).copied());
        since
            .map(|since| since.unwrap_or(Timestamp::from_secs(0)))
            .collect()
    }
}

#[async_trait]
impl RoleRepo for MemoryTx {
    async fn of_user(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Vec<String>, PortError> {
        Ok(self.state.roles_of(organization, user))
    }

    async fn assign(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        roles: &[String],
        _: Option<UserId>,
        at: Timestamp,
    ) -> Result<(), PortError> {
        let state = self.write();
        state.given.retain(|(tenant, whose, role), _| {
            *tenant != organization || *whose != user || roles.contains(role)
        });
        for role in roles {
            let key = (organization, user, role.clone());
            state.given.entry(key).or_insert(at);
        }
        state.roles.insert((organization, user), roles.to_vec());
        Ok(())
    }

    async fn holders(&mut self, organization: OrganizationId, role: &str) -> Result<u64, PortError> {
        let holds = |user: &&User| {
            let roles = self.state.roles.get(&(organization, user.id));
            user.may_sign_in() && roles.is_some_and(|roles| roles.iter().any(|name| name == role))
        };
        let count = self.live_users(organization).filter(holds).count();
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    async fn list_holders(
        &mut self,
        organization: OrganizationId,
        role: &str,
        limit: u64,
    ) -> Result<Vec<UserId>, PortError> {
        let holds = |user: &&User| {
            let roles = self.state.roles.get(&(organization, user.id));
            user.may_sign_in() && roles.is_some_and(|roles| roles.iter().any(|name| name == role))
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let holders = self.live_users(organization).filter(holds).take(limit);
        Ok(holders.map(|user| user.id).collect())
    }

    /// Commits are serialisable anyway.
    async fn lock_organization(&mut self, _: OrganizationId) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl BootstrapRepo for MemoryTx {
    async fn find(&mut self, organization: OrganizationId) -> Result<Option<BootstrapRecord>, PortError> {
        Ok(self.state.bootstrap.get(&organization).cloned())
    }

    async fn put(
        &mut self,
        organization: OrganizationId,
        token: &TokenHash,
        _: Timestamp,
    ) -> Result<bool, PortError> {
        let used = |record: &BootstrapRecord| record.used_at.is_some();
        if self.state.bootstrap.get(&organization).is_some_and(used) {
            return Ok(false);
        }
        let record = BootstrapRecord {
            token: *token,
            used_at: None,
        };
        self.write().bootstrap.insert(organization, record);
        Ok(true)
    }

    async fn consume(
        &mut self,
        organization: OrganizationId,
        token: &TokenHash,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let fits = |record: &BootstrapRecord| record.used_at.is_none() && record.token == *token;
        if !self.state.bootstrap.get(&organization).is_some_and(fits) {
            return Ok(false);
        }
        if let Some(record) = self.write().bootstrap.get_mut(&organization) {
            record.used_at = Some(at);
        }
        Ok(true)
    }
}
