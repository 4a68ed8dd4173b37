//! What a rule keeps its counts by.

use std::fmt;

use serde::{Deserialize, Serialize};
use vutf_kernel::{Actor, OrganizationId};

use super::Observation;

/// What kind of thing a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum KeyKind {
    /// A user, whether they acted or were acted on.
    #[serde(rename = "p")]
    Person,
    /// A session.
    #[serde(rename = "s")]
    Session,
    /// A network, as a keyed hash.
    #[serde(rename = "n")]
    Network,
    /// A user agent, as a keyed hash.
    #[serde(rename = "d")]
    Device,
    /// Whoever works on the machine itself.
    #[serde(rename = "o")]
    Operator,
}

/// One thing of a tenant. 16 bytes are an id, or a keyed hash of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The tenant.
    #[serde(rename = "o")]
    pub organization_id: OrganizationId,
    /// What it names.
    #[serde(rename = "k")]
    pub kind: KeyKind,
    /// Which one.
    #[serde(rename = "v", with = "as_uuid")]
    pub value: [u8; 16],
}

impl fmt::Display for Key {
    /// `user:UUID`, `session:UUID`, `network:HEX`, `device:HEX`, `operator`. Stable: ids of findings hang on it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = uuid::Uuid::from_bytes(self.value);
        match self.kind {
            KeyKind::Person => write!(f, "user:{id}"),
            KeyKind::Session => write!(f, "session:{id}"),
            KeyKind::Network => write!(f, "network:{}", id.simple()),
            KeyKind::Device => write!(f, "device:{}", id.simple()),
            KeyKind::Operator => f.write_str("operator"),
        }
    }
}

/// A part of an event that a rule may count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Who acted: a user, or the operator on the machine.
    Actor,
    /// Whose data it was: the first that the event names.
    Subject,
    /// The session of the user who acted.
    Session,
    /// The network (/24 of IPv4, /48 of IPv6) that the request came from.
    Network,
    /// The user agent that the request named.
    Device,
}

impl Field {
    /// What the event has there; `None` when it has nothing, or nothing that can be opened.
    pub(crate) fn of(self, seen: &Observation) -> Option<Key> {
        let (kind, value) = match (self, &seen.body.actor) {
            // What a program does with somebody's key is counted as theirs.
            (Self::Actor, Actor::User { user_id, .. } | Actor::ApiKey { user_id, .. }) => {
                (KeyKind::Person, *user_id.as_bytes())
            }
            (Self::Actor, Actor::Operator) => (KeyKind::Operator, [0; 16]),
            (Self::Subject, _) => (KeyKind::Person, *seen.body.subjects.first()?.as_bytes()),
            (Self::Session, Actor::User { session_id, .. }) => (KeyKind::Session, *session_id.as_bytes()),
            (Self::Network, _) => (KeyKind::Network, seen.origin.network?),
            (Self::Device, _) => (KeyKind::Device, seen.origin.device?),
            (Self::Actor | Self::Session, _) => return None,
        };
        Some(Key {
            organization_id: seen.body.organization_id,
            kind,
            value,
        })
    }

    /// Whether it stands in the sealed parts.
    pub(crate) const fn is_sealed(self) -> bool {
        matches!(self, Self::Network | Self::Device)
    }
}

mod as_uuid {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(value: &[u8; 16], serializer: S) -> Result<S::Ok, S::Error> {
        Uuid::from_bytes(*value).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 16], D::Error> {
        Uuid::deserialize(deserializer).map(Uuid::into_bytes)
    }
}
