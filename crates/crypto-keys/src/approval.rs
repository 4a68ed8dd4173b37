//! What one person asks for and another one must approve.
//!
//! A request is a row that the service wrote and nobody else can write: its MAC covers who asked, for what, and who decided.
//! It is bound to one revision of its subject, so that it is void once the subject changes; a rejection changes the subject
//! for that very reason, and an older row that is put back opens nothing.

use std::{fmt, str::FromStr, time::Duration};

use uuid::Uuid;
use vutf_kernel::{Actor, ApprovalId, Env, KeyId, OrganizationId, Secret, Timestamp, UserId};

use crate::{
    CryptoError, KeyRecord, Keyring, LoadError, Reason, UnknownText, associated::length_prefixed,
    authenticated::Authenticated,
};

const DOMAIN: &[u8] = b"vutf/approval/v1";

/// How long a request stays open.
pub const APPROVAL_TTL: Duration = Duration::from_hours(24);

/// Someone who counts as one person. Whoever has the machine is one, however often they log in to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// A user, whatever their roles are or were. Text: `user:` and the id.
    User(UserId),
    /// Whoever has access to the machine. Text: `operator`.
    Operator,
}

impl Person {
    /// The person behind an actor; the service itself and strangers are none, and neither is a program: whoever holds keys of two
    /// people is not two people.
    pub fn of(actor: &Actor) -> Option<Self> {
        match actor {
            Actor::User { user_id, .. } => Some(Self::User(*user_id)),
            Actor::Operator => Some(Self::Operator),
            Actor::Anonymous | Actor::ApiKey { .. } | Actor::System { .. } => None,
        }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

impl FromStr for Person {
    type Err = UnknownText;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let person = match text.split_once(':') {
            None if text == "operator" => Some(Self::Operator),
            // Only the canonical form: the request's MAC covers the text.
            Some(("user", id)) => id
                .parse::<UserId>()
                .ok()
                .filter(|parsed| parsed.to_string() == id)
                .map(Self::User),
            _ => None,
        };
        person.ok_or_else(|| UnknownText {
            what: "person",
            text: text.to_owned(),
        })
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApprovalState {
    /// Waits for a second person. Text: `open`.
    Open,
    /// Approved, and done in the same transaction. Text: `approved`.
    Approved,
    /// Rejected, or withdrawn by the one who asked. Text: `rejected`.
    Rejected,
    /// Nobody decided in time, or its subject changed. Text: `expired`.
    Expired,
}

impl ApprovalState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Approved, Self::Rejected, Self::Expired];

    /// The stable text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ApprovalState {
    type Err = UnknownText;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownText {
                what: "state of a request",
                text: text.to_owned(),
            })
    }
}

/// A request for a second person's approval, as the store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its identity.
    pub id: ApprovalId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// What is to be done, e.g. `key.destroy`.
    pub action: String,
    /// To what.
    pub subject_id: Uuid,
    /// The revision of the subject that the request is about; of any other it is void.
    pub subject_revision: u64,
    /// Why.
    pub reason: Reason,
    /// Who asked.
    pub requested_by: Person,
    /// When.
    pub requested_at: Timestamp,
    /// Until when it can be approved.
    pub expires_at: Timestamp,
    /// What became of it.
    pub state: ApprovalState,
    /// Who decided.
    pub decided_by: Option<Person>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// 1 when it was made, one more for a decision and for each tenant key that vouched for it before.
    pub revision: u64,
    /// The tenant key whose registry key made the MAC.
    pub authenticated_by: KeyId,
    /// HMAC-SHA-256 over every other field.
    pub mac: [u8; 32],
}

/// Why a request cannot be decided so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// Who asked cannot approve, whatever their roles are now.
    #[error("whoever asked for it cannot approve it: another person must")]
    SamePerson,
    /// The service itself decides nothing.
    #[error("only a person can decide")]
    NotAPerson,
    /// Its time is over.
    #[error("the request has expired")]
    Expired,
    /// The subject is no longer what the request was about.
    #[error("what the request is about was changed since")]
    Void,
    /// It was decided already.
    #[error("the request is {0} already")]
    Decided(ApprovalState),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// What is to be done, e.g. `key.destroy`.
    pub action: &'a str,
    /// To what.
    pub subject_id: Uuid,
    /// In which revision.
    pub subject_revision: u64,
    /// Why.
    pub reason: Reason,
    /// By whom.
    pub by: Person,
}

impl Approval {
    /// A new, open request. `tenant` is the organization's active tenant key, and must be loaded.
    pub fn request(
        keyring: &Keyring,
        env: &mut Env<'_>,
        tenant: &KeyRecord,
        ask: Ask<'_>,
    ) -> Result<Self, LoadError> {
        let authority = keyring.active_authority(tenant)?;
        let now = env.now();
        let request = Self {
            id: ApprovalId::generate(env.clock, env.entropy),
            organization_id: tenant.organization_id,
            action: ask.action.to_owned(),
            subject_id: ask.subject_id,
            subject_revision: ask.subject_revision,
            reason: ask.reason,
            requested_by: ask.by,
            requested_at: now,
            expires_at: now.plus(APPROVAL_TTL),
            state: ApprovalState::Open,
            decided_by: None,
            decided_at: None,
            revision: 1,
            authenticated_by: tenant.id,
            mac: [0; 32],
        };
        request.vouched_for(&authority.registry_key)
    }

    /// What it is at `now`: an open request whose time is over is expired, whether anybody has noted it or not.
    pub fn state_at(&self, now: Timestamp) -> ApprovalState {
        match self.state {
            ApprovalState::Open if self.expires_at <= now => ApprovalState::Expired,
            state => state,
        }
    }

    /// The request as it is once `by` has approved it at `now`, for a subject in `subject_revision`. Its authenticity is
    /// checked first, so that a forged one is never acted on.
    pub fn approve(
        self,
        keyring: &Keyring,
        by: &Actor,
        now: Timestamp,
        subject_revision: u64,
    ) -> Result<Self, DecisionError> {
        let person = Person::of(by).ok_or(ApprovalError::NotAPerson)?;
        if person == self.requested_by {
            return Err(ApprovalError::SamePerson.into());
        }
        if self.state_at(now) == ApprovalState::Open && self.subject_revision != subject_revision {
            return Err(ApprovalError::Void.into());
        }
        self.decide(keyring, ApprovalState::Approved, Some(person), now)
    }

    /// The request as it is once `by` has rejected it at `now`. Who asked may do so: they take it back.
    pub fn reject(self, keyring: &Keyring, by: &Actor, now: Timestamp) -> Result<Self, DecisionError> {
        let person = Person::of(by).ok_or(ApprovalError::NotAPerson)?;
        self.decide(keyring, ApprovalState::Rejected, Some(person), now)
    }

    /// The request as it is once it is noted that nobody decided in time, or that its subject changed.
    pub fn expire(self, keyring: &Keyring, now: Timestamp) -> Result<Self, LoadError> {
        let authority = keyring.authority(self.organization_id, self.authenticated_by)?;
        self.check(&authority.registry_key)?;
        self.decided(ApprovalState::Expired, None, now)
            .vouched_for(&authority.registry_key)
    }

    /// The same request with `successor`, the organization's active tenant key, vouching for it. Its authenticity is checked
    /// first; both tenant keys must be loaded.
    pub fn hand_over(mut self, keyring: &Keyring, successor: &KeyRecord) -> Result<Self, LoadError> {
        self.authenticate(keyring)?;
        let heir = keyring.active_authority(successor)?;
        self.authenticated_by = heir.id;
        self.revision = self.revision.saturating_add(1);
        self.vouched_for(&heir.registry_key)
    }

    /// Refuses a row that the service did not write.
    pub fn authenticate(&self, keyring: &Keyring) -> Result<(), LoadError> {
        let authority = keyring.authority(self.organization_id, self.authenticated_by)?;
        self.check(&authority.registry_key)
    }

    fn decide(
        self,
        keyring: &Keyring,
        state: ApprovalState,
        by: Option<Person>,
        now: Timestamp,
    ) -> Result<Self, DecisionError> {
        let authority = keyring.authority(self.organization_id, self.authenticated_by)?;
        self.check(&authority.registry_key)?;
        match self.state_at(now) {
            ApprovalState::Open => {}
            ApprovalState::Expired => return Err(ApprovalError::Expired.into()),
            decided => return Err(ApprovalError::Decided(decided).into()),
        }
        Ok(self
            .decided(state, by, now)
            .vouched_for(&authority.registry_key)?)
    }

    fn decided(mut self, state: ApprovalState, by: Option<Person>, now: Timestamp) -> Self {
        self.state = state;
        self.decided_by = by;
        self.decided_at = Some(now);
        self.revision = self.revision.saturating_add(1);
        self
    }

    fn check(&self, registry_key: &Secret<[u8; 32]>) -> Result<(), LoadError> {
        if self.is_authentic(registry_key).unwrap_or(false) {
            Ok(())
        } else {
            Err(LoadError::ApprovalMac { id: self.id })
        }
    }

    fn vouched_for(self, registry_key: &Secret<[u8; 32]>) -> Result<Self, LoadError> {
        let key_id = self.authenticated_by;
        self.authenticated(registry_key)
            .map_err(|source| LoadError::Wrapping { key_id, source })
    }
}

impl Authenticated for Approval {
    fn mac_input(&self) -> Result<Vec<u8>, CryptoError> {
        // Destructured, so that a new field cannot be forgotten here.
        let Self {
            id,
            organization_id,
            action,
            subject_id,
            subject_revision,
            reason,
            requested_by,
            requested_at,
            expires_at,
            state,
            decided_by,
            decided_at,
            revision,
            authenticated_by,
            mac: _,
        } = self;
        let text = |person: &Option<Person>| person.map(|person| person.to_string()).unwrap_or_default();
        length_prefixed(&[
            DOMAIN,
            id.as_bytes(),
            organization_id.as_bytes(),
            action.as_bytes(),
            subject_id.as_bytes(),
            &subject_revision.to_be_bytes(),
            reason.code().as_str().as_bytes(),
            reason.note().unwrap_or_default().as_bytes(),
            requested_by.to_string().as_bytes(),
            &requested_at.as_micros().to_be_bytes(),
            &expires_at.as_micros().to_be_bytes(),
            state.as_str().as_bytes(),
            text(decided_by).as_bytes(),
            &decided_at
                .map(|at| at.as_micros().to_be_bytes().to_vec())
                .unwrap_or_default(),
            &revision.to_be_bytes(),
            authenticated_by.as_bytes(),
        ])
    }

    fn mac(&self) -> &[u8; 32] {
        &self.mac
    }

    fn with_mac(self, mac: [u8; 32]) -> Self {
        Self { mac, ..self }
    }
}

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// The rules of two persons.
    #[error(transparent)]
    Rule(#[from] ApprovalError),
    /// The request is forged, or its key is not loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
}
