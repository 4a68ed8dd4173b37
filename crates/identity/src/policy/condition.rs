//! What a policy asks about a request: a small language of data. Every condition has an answer for every request, in time that is
//! bounded by its size.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vutf_kernel::{Aal, Assurance, Timestamp, UserId};

use super::clock::{TimeOfDay, Weekday, minute_of_day, weekday};
use crate::{ValueError, api_key::Network};

/// The answer of a condition. What is not known is neither yes nor no (Kleene's three values), so that a policy can count it as
/// what it must guard against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It does not hold.
    No,
    /// What it asks about is not known.
    Unknown,
    /// It holds.
    Yes,
}

impl Truth {
    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }
    fn of(known: Option<bool>) -> Self {
        match known {
            None => Self::Unknown,
            Some(true) => Self::Yes,
            Some(false) => Self::No,
        }
    }
}

/// Who acts, as conditions know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person in a session.
    User,
    /// A program with an API key.
    ApiKey,
}

/// A level of proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Level(Aal);

impl From<Aal> for Level {
    fn from(aal: Aal) -> Self {
        Self(aal)
    }
}

/// A network, as it stands in a policy. It is one of the organization's and not a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PolicyNetwork(Network);

impl TryFrom<String> for PolicyNetwork {
    type Error = ValueError;
    fn try_from(text: String) -> Result<Self, ValueError> {
        Network::parse(&text).map(Self)
    }
}

impl From<PolicyNetwork> for String {
    fn from(network: PolicyNetwork) -> Self {
        network.0.to_string()
    }
}

/// What is asked. In JSON: an object with one member, e.g. `{"acr_at_least": "aal2"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// All of them hold.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// The session has proved at least this level. A program has proved nothing.
    AcrAtLeast(Level),
    /// The session was proved by one of these methods (RFC 8176), e.g. `otp`.
    AmrAny(Vec<String>),
    /// The last proof of the session is older than so many seconds. Of a program there is none: it is older than any.
    ProofOlderThanSeconds(u64),
    /// The request comes from one of these networks.
    Network(Vec<PolicyNetwork>),
    /// It is between these times of the day, UTC; the second is not included. `from` later than `to` spans midnight.
    HoursUtc {
        /// The first minute.
        from: TimeOfDay,
        /// The first minute after.
        to: TimeOfDay,
    },
    /// It is one of these days of the week, UTC.
    WeekdayUtc(Vec<Weekday>),
    /// Who acts is one of these.
    Actor(Vec<ActorKind>),
    /// The user is one of these.
    User(Vec<UserId>),
    /// The session is used from elsewhere than where it was proved.
    Moved(bool),
    /// What the request is about is one of these kinds of things.
    ResourceKind(Vec<String>),
    /// It is one of these things. A request about no single one, e.g. for a list, may be about any.
    ResourceId(Vec<Uuid>),
    /// It belongs to the caller.
    ResourceOwn(bool),
}

/// What is known of a request. `None`: not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Situation<'a> {
    /// When.
    pub now: Option<Timestamp>,
    /// Who.
    pub user: Option<UserId>,
    /// As what.
    pub actor: Option<ActorKind>,
    /// What was proved; `Some(None)`: nothing.
    pub assurance: Option<Option<&'a Assurance>>,
    /// From which address.
    pub ip: Option<IpAddr>,
    /// Whether the session has moved.
    pub moved: Option<bool>,
    /// The kind of what it is about.
    pub resource_kind: Option<&'a str>,
    /// What it is about.
    pub resource_id: Option<Uuid>,
    /// Whether that is the caller's own.
    pub own: Option<bool>,
}

impl Condition {
    /// How deep conditions may be nested.
    pub const MAX_DEPTH: usize = 5;
    /// How many values one may list.
    pub const MAX_VALUES: usize = 64;

    /// Whether it holds in `at`.
    pub fn holds(&self, at: &Situation<'_>) -> Truth {
        match self {
            Self::All(parts) => all(parts, at),
            Self::Any(parts) => any(parts, at),
            Self::Not(part) => part.holds(at).not(),
            Self::AcrAtLeast(level) => proof(at, |found| found.is_some_and(|it| it.aal >= level.0)),
            Self::AmrAny(methods) => proof(at, |found| {
                found.is_some_and(|it| it.amr.iter().any(|method| methods.contains(method)))
            }),
            Self::ProofOlderThanSeconds(age) => older(at, *age),
            Self::Network(networks) => Truth::of(
                at.ip
                    .map(|ip| networks.iter().any(|network| network.0.contains(ip))),
            ),
            Self::HoursUtc { from, to } => Truth::of(
                at.now
                    .map(|now| TimeOfDay::between(*from, *to, minute_of_day(now))),
            ),
            Self::WeekdayUtc(days) => Truth::of(at.now.map(|now| days.contains(&weekday(now)))),
            Self::Actor(kinds) => Truth::of(at.actor.map(|kind| kinds.contains(&kind))),
            Self::User(users) => Truth::of(at.user.map(|user| users.contains(&user))),
            Self::Moved(asked) => Truth::of(at.moved.map(|moved| moved == *asked)),
            Self::ResourceKind(kinds) => Truth::of(
                at.resource_kind
                    .map(|kind| kinds.iter().any(|known| known == kind)),
            ),
            Self::ResourceId(ids) => Truth::of(at.resource_id.map(|id| ids.contains(&id))),
            Self::ResourceOwn(asked) => Truth::of(at.own.map(|own| own == *asked)),
        }
    }

    /// How many conditions it is, or why it is none.
    pub(super) fn weigh(&self, depth: usize) -> Result<usize, ValueError> {
        if depth > Self::MAX_DEPTH {
            let detail = format!("conditions are nested at most {} deep", Self::MAX_DEPTH);
            return Err(ValueError::new("policy_condition", detail));
        }
        let values = match self {
            Self::All(parts) | Self::Any(parts) => {
                let weights = parts.iter().map(|part| part.weigh(depth + 1));
                let below: usize = weights.sum::<Result<usize, ValueError>>()?;
                values(parts.len())?;
                return Ok(below + 1);
            }
            Self::Not(part) => return Ok(part.weigh(depth + 1)? + 1),
            Self::AmrAny(list) | Self::ResourceKind(list) => {
                words(list)?;
                list.len()
            }
            Self::Network(list) => list.len(),
            Self::WeekdayUtc(list) => list.len(),
            Self::Actor(list) => list.len(),
            Self::User(list) => list.len(),
            Self::ResourceId(list) => list.len(),
            Self::HoursUtc { from, to } if from == to => {
                let detail = "hours_utc: from and to are the same; leave the condition out for a whole day";
                return Err(ValueError::new("policy_condition", detail));
            }
            Self::AcrAtLeast(_)
            | Self::ProofOlderThanSeconds(_)
            | Self::HoursUtc { .. }
            | Self::Moved(_)
            | Self::ResourceOwn(_) => 1,
        };
        self::values(values)?;
        Ok(1)
    }
}

/// An empty list is a mistake: it holds always or never, and whoever wrote it meant something.
fn values(count: usize) -> Result<(), ValueError> {
    if (1..=Condition::MAX_VALUES).contains(&count) {
        return Ok(());
    }
    let detail = format!("a list in a condition has 1 to {} values", Condition::MAX_VALUES);
    Err(ValueError::new("policy_condition", detail))
}

fn words(list: &[String]) -> Result<(), ValueError> {
    let is_word = |text: &String| {
        (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    if list.iter().all(is_word) {
        return Ok(());
    }
    let detail = "a word in a condition has 1 to 64 of letters, digits, '_', '.', '-'";
    Err(ValueError::new("policy_condition", detail))
}

/// Whether all hold; that of none.
pub(super) fn all(parts: &[Condition], at: &Situation<'_>) -> Truth {
    let answers = parts.iter().map(|part| part.holds(at));
    answers.min().unwrap_or(Truth::Yes)
}

fn any(parts: &[Condition], at: &Situation<'_>) -> Truth {
    let answers = parts.iter().map(|part| part.holds(at));
    answers.max().unwrap_or(Truth::No)
}

fn proof(at: &Situation<'_>, meets: impl Fn(Option<&Assurance>) -> bool) -> Truth {
    Truth::of(at.assurance.map(meets))
}

fn older(at: &Situation<'_>, age: u64) -> Truth {
    match (at.assurance, at.now) {
        (Some(None), _) => Truth::Yes,
        (Some(Some(assurance)), Some(now)) => Truth::of(Some(now.since(assurance.auth_time).as_secs() > age)),
        _ => Truth::Unknown,
    }
}
