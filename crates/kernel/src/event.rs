//! The audit event as a type: what NIST SP 800-53 AU-3 asks for is a field, so an event cannot lack it.
//!
//! Domains raise events through [`EventSink`]; the audit domain gives them their canonical bytes and their place in the log.

use std::{borrow::Cow, collections::BTreeMap};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Actor, Ctx, Env, EventId, OrganizationId, PortError, Receipt, RequestId, Secret, Timestamp, UserId,
    id::uuid_v7_at,
};

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused by a rule.
    Refused {
        /// A stable word, e.g. `wrong_password`.
        reason: Cow<'static, str>,
    },
    /// It failed for a technical reason.
    Failed {
        /// A stable word, e.g. `unavailable`.
        reason: Cow<'static, str>,
    },
}

impl Outcome {
    /// Refused, with a stable word for the reason.
    pub const fn refused(reason: &'static str) -> Self {
        Self::Refused {
            reason: Cow::Borrowed(reason),
        }
    }
    /// `success`, `refused` or `failed`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
        }
    }
    /// Why it was not done; `None` when it was.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Success => None,
            Self::Refused { reason } | Self::Failed { reason } => Some(reason),
        }
    }
}

/// What kind of event, and what kind of thing it is about. The two are told together, so that an action names the same kind
/// of resource whichever layer lets it through or refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// `resource.verb`, e.g. `user.lock`.
    pub name: &'static str,
    /// The kind of its resource, e.g. `user`.
    pub resource: &'static str,
}

impl Action {
    /// An action on a kind of resource.
    pub const fn new(name: &'static str, resource: &'static str) -> Self {
        Self { name, resource }
    }
    /// The action on one object.
    pub fn one(self, id: uuid::Uuid) -> Resource {
        Resource::one(self.resource, id)
    }
    /// The action on no object in particular.
    pub const fn none(self) -> Resource {
        Resource::kind(self.resource)
    }
}

/// What was acted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// A stable word, e.g. `user`, `session`, `key`.
    pub kind: Cow<'static, str>,
    /// Its id; absent where the action has no single object.
    pub id: Option<uuid::Uuid>,
}

impl Resource {
    /// One object.
    pub fn one(kind: &'static str, id: uuid::Uuid) -> Self {
        Self {
            kind: Cow::Borrowed(kind),
            id: Some(id),
        }
    }
    /// A kind of object, none in particular.
    pub const fn kind(kind: &'static str) -> Self {
        Self {
            kind: Cow::Borrowed(kind),
            id: None,
        }
    }
}

/// A fact that is not PII. Whole numbers only: RFC 8785 has no exact way to write others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Detail {
    /// Yes or no.
    Bool(bool),
    /// A count or an amount; between -(2^53) and 2^53.
    Number(i64),
    /// A word or an id.
    Text(String),
    /// Several words or ids.
    List(Vec<String>),
}

/// One security-relevant fact.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its identity (AU-3 a).
    pub id: EventId,
    /// When (AU-3 b).
    pub occurred_at: Timestamp,
    /// In which tenant (AU-3 c).
    pub organization_id: OrganizationId,
    /// Under which request (AU-3 d).
    pub request_id: RequestId,
    /// Who (AU-3 f).
    pub actor: Actor,
    /// What kind of event, `resource.verb`, e.g. `user.lock` (AU-3 a).
    pub action: Cow<'static, str>,
    /// On what.
    pub resource: Resource,
    /// How it ended (AU-3 e).
    pub outcome: Outcome,
    /// Whose personal data was touched.
    pub subjects: Vec<UserId>,
    /// Facts that are not PII.
    pub details: BTreeMap<Cow<'static, str>, Detail>,
    /// PII, e.g. `source_ip` (AU-3 d). Sealed by the store; the log commits to the ciphertext.
    pub private: BTreeMap<Cow<'static, str>, Secret<String>>,
    /// Where the store notes that it is in the log. Not a part of what it tells.
    pub receipt: Receipt,
}

impl Event {
    /// A new event by `ctx`'s actor, with the network origin as its private parts.
    pub fn new(
        ctx: &Ctx,
        env: &mut Env<'_>,
        action: &'static str,
        resource: Resource,
        outcome: Outcome,
    ) -> Self {
        let mut private = BTreeMap::new();
        if let Some(ip) = ctx.origin.ip {
            private.insert(Cow::Borrowed("source_ip"), Secret::new(ip.to_string()));
        }
        if let Some(agent) = &ctx.origin.user_agent {
            private.insert(Cow::Borrowed("user_agent"), Secret::new(agent.clone()));
        }
        // One reading for both: whoever searches by time looks among the ids.
        let now = env.now();
        Self {
            id: EventId::from_uuid(uuid_v7_at(now, env.entropy)),
            occurred_at: now,
            organization_id: ctx.organization_id,
            request_id: ctx.request_id.clone(),
            actor: ctx.actor.clone(),
            action: Cow::Borrowed(action),
            resource,
            outcome,
            subjects: Vec::new(),
            details: BTreeMap::new(),
            private,
            receipt: ctx.receipt.clone(),
        }
    }
    /// Names a person whose data was touched.
    #[must_use]
    pub fn subject(mut self, user: UserId) -> Self {
        self.subjects.push(user);
        self
    }
    /// Adds a fact that is not PII.
    #[must_use]
    pub fn detail(mut self, name: &'static str, value: Detail) -> Self {
        self.details.insert(Cow::Borrowed(name), value);
        self
    }
    /// Adds a fact that is PII.
    #[must_use]
    pub fn private(mut self, name: &'static str, value: String) -> Self {
        self.private.insert(Cow::Borrowed(name), Secret::new(value));
        self
    }
}

/// Takes events into the transaction that makes them true, and gives their [`Receipt`]s once it has committed.
#[async_trait]
pub trait EventSink: Send {
    /// Adds `event` to the log; it becomes visible when the transaction commits.
    async fn append(&mut self, event: Event) -> Result<(), PortError>;

    /// Adds all of `events`, in their order. Stores that can write many rows at once do.
    async fn append_all(&mut self, events: Vec<Event>) -> Result<(), PortError> {
        for event in events {
            self.append(event).await?;
        }
        Ok(())
    }
}

/// Writes an event in a transaction of its own: for refusals, whose transaction is rolled back, and for reads, which have none.
#[async_trait]
pub trait EventRecorder: Send + Sync {
    /// Adds `event` to the log. When it answers, the event is there to stay and its [`Receipt`] is given.
    async fn record(&self, event: Event) -> Result<(), PortError>;
}
