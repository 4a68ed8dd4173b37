//! The ports of the identity domain. The transaction is the handle that a use case is given.

use async_trait::async_trait;
use vutf_kernel::{
    Assurance, EventSink, FamilyId, OrganizationId, Page, PageRequest, PortError, Secret, SessionId, Stamps,
    Timestamp, Transaction, Units, UserId,
};

use crate::{
    LoginName, Session, SessionStatus, User, UserKind, UserStatus,
    api_key::{ApiKeyRepo, ApiKeyStatus, Lookup},
    break_glass::BreakGlassRepo,
    consent::ConsentRepo,
    erasure_request::ErasureRequestRepo,
    guard::{GuardKey, GuardState},
    housekeeping::HousekeepingRepo,
    invitation::InvitationRepo,
    link::LinkRepo,
    mail::MailRepo,
    mfa::repo::MfaRepo,
    passkey::PasskeyRepo,
    password::PastPassword,
    policy::{Policy, PolicyRepo},
    presence::PresenceRepo,
    refresh::{RefreshFamily, RefreshToken, TokenHash},
    role::{CustomRole, CustomRoleRepo},
    session::{Ends, Place, used::Used},
};

/// Which users a list shows.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Only these.
    pub status: Option<UserStatus>,
    /// Only these.
    pub kind: Option<UserKind>,
    /// Only who was not seen since then: [`User::last_seen_at`], or when the account was made.
    pub inactive_since: Option<Timestamp>,
}

/// Users. "Not found" is `None`; a deleted user is found only where the method says so.
#[async_trait]
pub trait UserRepo: Send {
    /// Adds a user. [`vutf_kernel::Fault::Duplicate`] when the username or e-mail address is taken in the tenant.
    async fn insert(&mut self, user: &User) -> Result<(), PortError>;
    /// A user that is not deleted.
    async fn find(&mut self, organization: OrganizationId, id: UserId) -> Result<Option<User>, PortError>;
    /// A user, deleted or not.
    async fn find_with_deleted(
        &mut self,
        organization: OrganizationId,
        id: UserId,
    ) -> Result<Option<User>, PortError>;
    /// By username or e-mail address, in canonical form; not deleted.
    async fn find_by_login(
        &mut self,
        organization: OrganizationId,
        name: &LoginName,
    ) -> Result<Option<User>, PortError>;
    /// Replaces the row whose version is one less than `user.stamps.version`; [`vutf_kernel::Fault::Stale`] when there is none,
    /// [`vutf_kernel::Fault::Duplicate`] as in [`UserRepo::insert`].
    async fn update(&mut self, user: &User) -> Result<(), PortError>;
    /// Removes everything personal from a user's row, names that can be looked up included, and marks it as deleted and erased,
    /// for good: no other method finds it again. Reads nothing of what it removes. `false` when there is no such user, or
    /// when it was erased before.
    async fn erase(
        &mut self,
        organization: OrganizationId,
        id: UserId,
        by: Option<UserId>,
        at: Timestamp,
    ) -> Result<bool, PortError>;
    /// Notes a sign-in, which is a sign of life; no new version, as nothing that a client may edit changes.
    async fn note_login(&mut self, id: UserId, at: Timestamp) -> Result<(), PortError>;
    /// Users that are not deleted, by ascending id.
    async fn list(
        &mut self,
        organization: OrganizationId,
        filter: &UserFilter,
        page: &PageRequest,
    ) -> Result<Page<User>, PortError>;
}

/// A stored password. The PHC string is sealed at rest, which makes the data key the pepper: it rotates by rewrap.
#[derive(Clone, Debug)]
pub struct PasswordRecord {
    /// Whose.
    pub user_id: UserId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// PHC string format, `$argon2id$…`.
    pub phc: Secret<String>,
    /// When it was set. A rehash of the same password keeps it.
    pub changed_at: Timestamp,
    /// Since when its owner has to choose another one before anything else.
    pub must_change_at: Option<Timestamp>,
    /// It is too short to be the only factor: it was let in because every sign-in asked for a second one.
    pub beside_factor: bool,
    /// Audit mixin.
    pub stamps: Stamps,
}

/// Passwords.
#[async_trait]
pub trait PasswordRepo: Send {
    /// The user's password.
    async fn find(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<PasswordRecord>, PortError>;
    /// Sets or replaces it; who made it and when stays.
    async fn put(&mut self, record: &PasswordRecord) -> Result<(), PortError>;
    /// Removes it, and not those before it; how many rows that were.
    async fn remove(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError>;
    /// Those before it, at most `limit`, newest first.
    async fn past(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        limit: u32,
    ) -> Result<Vec<PastPassword>, PortError>;
    /// Adds one that is replaced.
    async fn remember(&mut self, past: &PastPassword) -> Result<(), PortError>;
    /// Removes those before it but the newest `keep`; how many rows that were.
    async fn forget_past(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        keep: u32,
    ) -> Result<u64, PortError>;
}

/// Counters against guessing.
#[async_trait]
pub trait GuardRepo: Send {
    /// The counter, locked until the transaction ends; a fresh one when there is none.
    async fn lock(
        &mut self,
        organization: OrganizationId,
        key: &GuardKey,
        now: Timestamp,
    ) -> Result<GuardState, PortError>;
    /// Stores it.
    async fn put(
        &mut self,
        organization: OrganizationId,
        key: &GuardKey,
        state: &GuardState,
        now: Timestamp,
    ) -> Result<(), PortError>;
    /// How many failures the counters of an account ([`GuardKey::account`]) hold together, whatever was guessed.
    async fn failures_of(
        &mut self,
        organization: OrganizationId,
        account: &[u8; 32],
    ) -> Result<i64, PortError>;
    /// Removes the counters of a user; how many rows that were.
    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError>;
}

/// Sessions.
#[async_trait]
pub trait SessionRepo: Send {
    /// Adds one.
    async fn insert(&mut self, session: &Session) -> Result<(), PortError>;
    /// One, ended or not.
    async fn find(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
    ) -> Result<Option<Session>, PortError>;
    /// The sessions of a user that are not over, newest first, at most 100.
    async fn live_of(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, PortError>;
    /// Which sessions of a user that are not over are older than the newest `keep`; at most 100.
    async fn beyond(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        keep: u32,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, PortError>;
    /// Notes a use, which is a sign of life of its person; `false`, with nothing changed, when the session was over by then, is of another level, or a later use than
    /// `unless_since` is noted.
    async fn touch(&mut self, used: &Used) -> Result<bool, PortError>;
    /// Notes what was proved anew within a session, which is a use, and when it ends now; `false` when it was ended before or is
    /// not there. Refresh families and tokens stay as they are.
    async fn reauthenticate(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        assurance: &Assurance,
        ends: Ends,
        at: Timestamp,
    ) -> Result<bool, PortError>;
    /// Notes that a session is used from elsewhere; `false` when that was noted before, it was ended, or is not there.
    async fn mark_moved(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        at: Timestamp,
    ) -> Result<bool, PortError>;
    /// Notes where a session belongs, and that it is there.
    async fn settle(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        place: &Place,
    ) -> Result<(), PortError>;
    /// Puts another secret in the place of the one in the session's cookie; `false` when it was ended before, is not there, or is one of
    /// tokens.
    async fn rekey(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        cookie: &TokenHash,
        at: Timestamp,
    ) -> Result<bool, PortError>;
    /// Which sessions of a user that are not ended are held by a cookie; at most 100.
    async fn with_cookie(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Vec<SessionId>, PortError>;
    /// Ends one; `false` when it was ended before or is not there.
    async fn revoke(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        reason: &str,
        by: Option<UserId>,
        at: Timestamp,
    ) -> Result<bool, PortError>;
    /// Ends all sessions of a user but `except`, and their refresh families; answers which.
    async fn revoke_all(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        except: Option<SessionId>,
        reason: &str,
        by: Option<UserId>,
        at: Timestamp,
    ) -> Result<Vec<SessionId>, PortError>;
    /// Lifts from a user's sessions that their password is to be changed first.
    async fn clear_password_due(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<(), PortError>;
    /// Removes from all sessions of a user, ended ones included, where they were used and with what; how many sessions had
    /// either.
    async fn forget_origins(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError>;
}

/// Refresh tokens.
#[async_trait]
pub trait RefreshRepo: Send {
    /// Adds a family with its first token.
    async fn insert_family(&mut self, family: &RefreshFamily, first: &RefreshToken) -> Result<(), PortError>;
    /// The token and its family.
    async fn find(&mut self, hash: &TokenHash) -> Result<Option<(RefreshToken, RefreshFamily)>, PortError>;
    /// Moves the head from `family.generation` to the next by compare-and-set, marks `spent` as used with its sealed successor,
    /// and adds `next`. `false`, with nothing changed, when another caller moved it first or the family was ended.
    async fn rotate(
        &mut self,
        family: &RefreshFamily,
        spent: &RefreshToken,
        next: &RefreshToken,
        idle_expires_at: Timestamp,
    ) -> Result<bool, PortError>;
    /// Ends a family; `false` when it was ended before.
    async fn revoke_family(&mut self, id: FamilyId, at: Timestamp) -> Result<bool, PortError>;
    /// Ends the families of a session.
    async fn revoke_of_session(&mut self, session: SessionId, at: Timestamp) -> Result<(), PortError>;
}

/// Role assignments.
#[async_trait]
pub trait RoleRepo: Send {
    /// Names of a user's roles, sorted.
    async fn of_user(&mut self, organization: OrganizationId, user: UserId)
    -> Result<Vec<String>, PortError>;
    /// Replaces a user's roles; those that stay were given when they were given.
    async fn assign(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        roles: &[String],
        by: Option<UserId>,
        at: Timestamp,
    ) -> Result<(), PortError>;
    /// How many persons that are active and not deleted hold `role`. Nobody signs in as a service account: it administers nothing.
    async fn holders(&mut self, organization: OrganizationId, role: &str) -> Result<u64, PortError>;
    /// The same persons, at most `limit`, by ascending id.
    async fn list_holders(
        &mut self,
        organization: OrganizationId,
        role: &str,
        limit: u64,
    ) -> Result<Vec<UserId>, PortError>;
    /// Lets one transaction at a time pass in this tenant, until it ends: for rules about *all* holders of a role.
    async fn lock_organization(&mut self, organization: OrganizationId) -> Result<(), PortError>;
}

/// The one-time secret that makes the first administrator.
#[derive(Clone, Debug)]
pub struct BootstrapRecord {
    /// SHA-256 of the secret.
    pub token: TokenHash,
    /// When it was used up.
    pub used_at: Option<Timestamp>,
}

/// The bootstrap secret.
#[async_trait]
pub trait BootstrapRepo: Send {
    /// It, if one was ever made.
    async fn find(&mut self, organization: OrganizationId) -> Result<Option<BootstrapRecord>, PortError>;
    /// Makes it, or replaces one that is not used up. `false` when it is used up.
    async fn put(
        &mut self,
        organization: OrganizationId,
        token: &TokenHash,
        at: Timestamp,
    ) -> Result<bool, PortError>;
    /// Uses it up; `true` for exactly one caller.
    async fn consume(
        &mut self,
        organization: OrganizationId,
        token: &TokenHash,
        at: Timestamp,
    ) -> Result<bool, PortError>;
}

/// What a use case of this domain may touch inside one transaction.
pub trait IdentityTx: Send {
    /// Users.
    fn users(&mut self) -> &mut dyn UserRepo;
    /// Passwords.
    fn passwords(&mut self) -> &mut dyn PasswordRepo;
    /// Guessing counters.
    fn guards(&mut self) -> &mut dyn GuardRepo;
    /// Sessions.
    fn sessions(&mut self) -> &mut dyn SessionRepo;
    /// Refresh tokens.
    fn refresh(&mut self) -> &mut dyn RefreshRepo;
    /// Second factors.
    fn mfa(&mut self) -> &mut dyn MfaRepo;
    /// Passkeys.
    fn passkeys(&mut self) -> &mut dyn PasskeyRepo;
    /// API keys.
    fn api_keys(&mut self) -> &mut dyn ApiKeyRepo;
    /// Links that were mailed.
    fn links(&mut self) -> &mut dyn LinkRepo;
    /// Invitations.
    fn invitations(&mut self) -> &mut dyn InvitationRepo;
    /// Mail that waits to be sent.
    fn mail(&mut self) -> &mut dyn MailRepo;
    /// Role assignments.
    fn roles(&mut self) -> &mut dyn RoleRepo;
    /// Roles that organizations made.
    fn custom_roles(&mut self) -> &mut dyn CustomRoleRepo;
    /// Policies.
    fn policies(&mut self) -> &mut dyn PolicyRepo;
    /// Accounts behind glass.
    fn break_glass(&mut self) -> &mut dyn BreakGlassRepo;
    /// The bootstrap secret.
    fn bootstrap(&mut self) -> &mut dyn BootstrapRepo;
    /// Who has not been there for long.
    fn presence(&mut self) -> &mut dyn PresenceRepo;
    /// What persons agreed to.
    fn consents(&mut self) -> &mut dyn ConsentRepo;
    /// Who asked to be erased.
    fn erasure_requests(&mut self) -> &mut dyn ErasureRequestRepo;
    /// What is old.
    fn housekeeping(&mut self) -> &mut dyn HousekeepingRepo;
    /// The audit log.
    fn events(&mut self) -> &mut dyn EventSink;
}

/// A transaction over this domain alone, for use cases that open their own.
pub trait IdentityUnit: IdentityTx + Transaction {}

impl<T: IdentityTx + Transaction> IdentityUnit for T {}

/// Reads outside a transaction, with no way to write.
#[async_trait]
pub trait IdentityRead: Send + Sync {
    /// What decides whether a session's request may go on.
    async fn session_status(&self, id: SessionId) -> Result<Option<SessionStatus>, PortError>;
    /// What decides whether an API key's request may go on.
    async fn api_key_status(&self, lookup: Lookup) -> Result<Option<ApiKeyStatus>, PortError>;
    /// The policies that bound the requests of an organization, as [`PolicyRepo::all`] finds them.
    async fn policies(&self, organization: OrganizationId) -> Result<Vec<Policy>, PortError>;
    /// The roles that an organization made, as [`CustomRoleRepo::all`] finds them.
    async fn custom_roles(&self, organization: OrganizationId) -> Result<Vec<CustomRole>, PortError>;
}

/// Opens transactions and reads.
pub trait IdentityStore: Units<dyn IdentityUnit> + IdentityRead {}

impl<T: Units<dyn IdentityUnit> + IdentityRead> IdentityStore for T {}
