//! API keys: how a program acts for a user or for a service account without anybody signing in.
//!
//! A key is one random secret, of which only a hash is kept. It never does more than its owner may at that moment, it never
//! proves who a person is, and it cannot make another one. From made it goes over rotated to ended, by its time or by somebody.

pub mod authenticate;
pub mod create;
pub mod list;
pub mod network;
pub mod note;
pub(crate) mod owner;
pub mod repo;
pub mod revoke;
pub mod rotate;
pub mod status;
pub mod token;
pub mod view;

use std::time::Duration;

use unicode_normalization::is_nfc;
use vutf_kernel::{ApiKeyId, Grants, OrganizationId, Secret, Stamps, Timestamp, UserId};

use crate::{ValueError, refresh::TokenHash};

pub use self::{
    authenticate::{ApiKeyError, KeyCaller, KeyRefusal, authenticate},
    network::Network,
    owner::Whose,
    repo::ApiKeyRepo,
    status::ApiKeyStatus,
    token::{Lookup, Token},
};

/// Networks that a key may name: 16.
pub const MAX_NETWORKS: usize = 16;
/// A use is noted at most so often: once a minute.
pub const NOTED_EVERY: Duration = Duration::from_mins(1);

/// How long keys live, and how many there may be. Defaults and sources: docs/configuration.md, section `identity.api_keys`.
#[derive(Clone, Debug)]
pub struct ApiKeyPolicy {
    /// Life of a key whose maker names none; default 90 d.
    pub ttl: Duration,
    /// The longest life that somebody may ask for; default 365 d.
    pub max_ttl: Duration,
    /// How long the old key goes on after a rotation that names no span; default 24 h.
    pub overlap: Duration,
    /// The longest span that somebody may ask for; default 7 d.
    pub max_overlap: Duration,
    /// Keys of an owner that live at once, predecessors in their overlap not counted: each key has one at most; default 20.
    pub per_owner: usize,
}

impl Default for ApiKeyPolicy {
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            ttl: DAY * 90,
            max_ttl: DAY * 365,
            overlap: DAY,
            max_overlap: DAY * 7,
            per_owner: 20,
        }
    }
}

/// What its owner calls a key: 1 to 64 characters, NFC, without control characters. People write names of people there.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeyName(Secret<String>);

impl ApiKeyName {
    /// Parses what a person typed.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.trim().is_empty() || text.chars().count() > 64 {
            return Err(ValueError::new("api_key_name_length", "use 1 to 64 characters"));
        }
        if text.chars().any(char::is_control) || !is_nfc(text) {
            let detail = "use Unicode in NFC without control characters";
            return Err(ValueError::new("api_key_name_characters", detail));
        }
        Ok(Self::from_store(text.to_owned()))
    }
    /// The name as it was given. It may be personal data: seal it before it is stored, keep it out of logs.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
    /// A value that passed [`Self::parse`] before it was stored.
    pub fn from_store(text: String) -> Self {
        Self(Secret::new(text))
    }
}

impl std::fmt::Debug for ApiKeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKeyName(redacted)")
    }
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// For whom it acts: a person or a service account.
    pub user_id: UserId,
    /// The part by which it is found; no secret.
    pub lookup: Lookup,
    /// SHA-256 of the secret, which has 256 bits.
    pub secret: TokenHash,
    /// What its owner calls it.
    pub name: ApiKeyName,
    /// What it may do, as far as its owner may at the time.
    pub scopes: Grants,
    /// From where it may be used; empty: from anywhere.
    pub networks: Vec<Network>,
    /// Its end.
    pub expires_at: Timestamp,
    /// When somebody ended it before that.
    pub revoked_at: Option<Timestamp>,
    /// The key that takes its place.
    pub successor_id: Option<ApiKeyId>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// From where; PII.
    pub last_used_ip: Option<Secret<String>>,
    /// Audit mixin.
    pub stamps: Stamps,
}

/// A key that was just made, with what is shown once.
#[derive(Clone, Debug)]
pub struct MadeApiKey {
    /// The key.
    pub key: ApiKey,
    /// What the program presents.
    pub token: Secret<String>,
}

impl ApiKey {
    /// Whether it may be used at `now`, as far as it itself goes.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
    /// Whether it is nobody's predecessor.
    pub fn is_head(&self) -> bool {
        self.successor_id.is_none()
    }
    /// Ends it.
    #[must_use]
    pub(crate) fn revoke(self, by: Option<UserId>, now: Timestamp) -> Self {
        Self {
            revoked_at: Some(now),
            ..self.changed(by, now)
        }
    }
    /// Gives its place to `successor`, and lets it live for `overlap` at most.
    #[must_use]
    pub(crate) fn hand_over(
        self,
        successor: ApiKeyId,
        overlap: Duration,
        by: Option<UserId>,
        now: Timestamp,
    ) -> Self {
        let ended = overlap.is_zero().then_some(now);
        Self {
            successor_id: Some(successor),
            expires_at: self.expires_at.min(now.plus(overlap)),
            revoked_at: self.revoked_at.or(ended),
            ..self.changed(by, now)
        }
    }
    fn changed(self, by: Option<UserId>, now: Timestamp) -> Self {
        Self {
            stamps: self.stamps.clone().changed(by, now),
            ..self
        }
    }
}
