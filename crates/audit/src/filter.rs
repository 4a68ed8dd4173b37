//! What a search asks for.

use std::time::Duration;

use uuid::Uuid;
use vutf_kernel::{Action, OrganizationId, Question, RequestId, Timestamp, UserId, id::uuid_v7_floor};

use crate::StoredIntake;

/// How far an event's id may be from the instant at which it happened. The two are one reading of the clock; a store looks for
/// events of a time among the ids around it.
pub const ID_SKEW: Duration = Duration::from_mins(1);
/// How much later than its id an event is dated at most that could not be recorded when it happened: as far below its beginning a
/// search for a period looks among the ids.
pub const MOST_LATE: Duration = Duration::from_hours(1);

/// Why a value cannot be searched for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct FilterError {
    /// A stable word, e.g. `action_form`.
    pub code: &'static str,
    /// What would be accepted.
    pub detail: &'static str,
}

impl FilterError {
    const fn new(code: &'static str, detail: &'static str) -> Self {
        Self { code, detail }
    }
}

/// A stable word, such as the kind of a resource or a reason: 1 to 64 of `a-z`, `0-9`, `_`, `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(String);

impl Word {
    /// Takes what can be such a word.
    ///
    /// # Errors
    /// `word_form` for anything else.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if is_word(text, 64) {
            return Ok(Self(text.to_owned()));
        }
        Err(FilterError::new(
            "word_form",
            "use 1 to 64 of a-z, 0-9, `_` and `-`",
        ))
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionMatch {
    /// This one, `resource.verb`.
    Exactly(String),
    /// Those whose names begin so: `resource.`, with the full stop.
    Under(String),
}

impl ActionMatch {
    /// Takes `resource.verb`, `resource.part.verb`, or the beginning of such up to a full stop; parts are words, and 128 bytes
    /// are the most.
    ///
    /// # Errors
    /// `action_form` for anything else.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let refused = FilterError::new(
            "action_form",
            "use an action such as `user.lock`, or the beginning `user.`",
        );
        let words: Vec<&str> = text.split('.').collect();
        match words.split_last() {
            Some((last, before))
                if text.len() <= 128
                    && (1..=2).contains(&before.len())
                    && before.iter().all(|word| is_word(word, 64)) =>
            {
                match *last {
                    "" => Ok(Self::Under(text.to_owned())),
                    last if is_word(last, 63) => Ok(Self::Exactly(text.to_owned())),
                    _ => Err(refused),
                }
            }
            _ => Err(refused),
        }
    }
    /// Whether `action` is one of them.
    pub fn matches(&self, action: &str) -> bool {
        match self {
            Self::Exactly(name) => name == action,
            Self::Under(beginning) => action.starts_with(beginning.as_str()),
        }
    }
    /// As [`ActionMatch::parse`] takes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exactly(text) | Self::Under(text) => text,
        }
    }
}

impl From<Action> for ActionMatch {
    fn from(action: Action) -> Self {
        Self::Exactly(action.name.to_owned())
    }
}

fn is_word(text: &str, longest: usize) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    (1..=longest).contains(&text.len()) && text.bytes().all(allowed)
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$what])* $variant),+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// The stable word, as it is stored.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }
    };
}

words! {
    /// How an event ended, without the reason: what [`vutf_kernel::Outcome::as_str`] tells.
    Ending {
        /// It was done.
        Success = "success",
        /// A rule refused it.
        Refused = "refused",
        /// It failed for a technical reason.
        Failed = "failed",
    }
}

words! {
    /// What kind of actor, without who: what [`vutf_kernel::Actor::kind`] tells.
    ActorKind {
        /// Nobody who has proved who they are.
        Anonymous = "anonymous",
        /// A user in a session.
        User = "user",
        /// A program with an API key of a user.
        ApiKey = "api_key",
        /// A person on the machine.
        Operator = "operator",
        /// The service itself.
        System = "system",
    }
}

words! {
    /// In which order of ids.
    Order {
        /// Oldest first.
        Ascending = "asc",
        /// Newest first.
        Descending = "desc",
    }
}

/// Whether a period begins before it ends.
///
/// # Errors
/// `period_empty` when it does not.
pub fn check_period(from: Option<Timestamp>, until: Option<Timestamp>) -> Result<(), FilterError> {
    match (from, until) {
        (Some(from), Some(until)) if from >= until => {
            Err(FilterError::new("period_empty", "use an instant after `from`"))
        }
        _ => Ok(()),
    }
}

/// What a search asks for. Absent parts do not restrict it; the tenant always does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFilter {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// These actions.
    pub action: Option<ActionMatch>,
    /// Events by this user.
    pub actor_id: Option<Uuid>,
    /// Events by this kind of actor.
    pub actor_kind: Option<ActorKind>,
    /// Events that touched this person's data.
    pub subject: Option<UserId>,
    /// Events on this kind of resource.
    pub resource_kind: Option<Word>,
    /// Events on this resource.
    pub resource_id: Option<Uuid>,
    /// Events that ended so.
    pub outcome: Option<Ending>,
    /// Events that were not done for this reason.
    pub reason: Option<Word>,
    /// Events under this request.
    pub request_id: Option<RequestId>,
    /// At this instant or later.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// In which order they are told.
    pub order: Order,
}

impl EventFilter {
    /// Every event of a tenant, oldest first.
    pub fn within(organization_id: OrganizationId) -> Self {
        Self {
            organization_id,
            action: None,
            actor_id: None,
            actor_kind: None,
            subject: None,
            resource_kind: None,
            resource_id: None,
            outcome: None,
            reason: None,
            request_id: None,
            from: None,
            until: None,
            order: Order::Ascending,
        }
    }
    /// Whether its parts can be true together.
    ///
    /// # Errors
    /// `period_empty` when it ends before it begins.
    pub fn check(&self) -> Result<(), FilterError> {
        check_period(self.from, self.until)
    }
    /// What the filter means; a store's query must select the same rows.
    pub fn matches(&self, intake: &StoredIntake) -> bool {
        let (least, most) = self.ids();
        let id = intake.id.as_uuid();
        self.organization_id == intake.organization_id
            && self
                .action
                .as_ref()
                .is_none_or(|action| action.matches(&intake.action))
            && self.actor_id.is_none_or(|actor| intake.actor_id == Some(actor))
            && self
                .actor_kind
                .is_none_or(|kind| kind.as_str() == intake.actor_kind)
            && self
                .subject
                .is_none_or(|subject| intake.subjects.contains(&subject))
            && self
                .resource_kind
                .as_ref()
                .is_none_or(|kind| kind.as_str() == intake.resource_kind)
            && self
                .resource_id
                .is_none_or(|resource| intake.resource_id == Some(resource))
            && self
                .outcome
                .is_none_or(|ending| ending.as_str() == intake.outcome)
            && self
                .reason
                .as_ref()
                .is_none_or(|reason| intake.reason.as_deref() == Some(reason.as_str()))
            && self
                .request_id
                .as_ref()
                .is_none_or(|request| request.as_str() == intake.request_id)
            && self.from.is_none_or(|from| intake.occurred_at >= from)
            && self.until.is_none_or(|until| intake.occurred_at < until)
            && least.is_none_or(|least| id >= least)
            && most.is_none_or(|most| id < most)
    }
    /// The ids among which its events are: the least one, and the first beyond.
    pub fn ids(&self) -> (Option<Uuid>, Option<Uuid>) {
        let least = self.from.map(|from| uuid_v7_floor(from.minus(MOST_LATE)));
        let most = self.until.map(|until| uuid_v7_floor(until.plus(ID_SKEW)));
        (least, most)
    }
    /// The filter as a read's event tells it.
    pub fn question(&self, action: Action) -> Question {
        Question::all(action)
            .with("action", self.action.as_ref().map(ActionMatch::as_str))
            .with("actor_id", self.actor_id)
            .with("actor_kind", self.actor_kind.map(ActorKind::as_str))
            .with("subject", self.subject)
            .with("resource_kind", self.resource_kind.as_ref().map(Word::as_str))
            .with("resource_id", self.resource_id)
            .with("outcome", self.outcome.map(Ending::as_str))
            .with("reason", self.reason.as_ref().map(Word::as_str))
            .with("request_id", self.request_id.as_ref().map(RequestId::as_str))
            .with("from", self.from)
            .with("until", self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_named_whole_or_by_their_beginning() {
        assert_eq!(
            ActionMatch::parse("user.lock"),
            Ok(ActionMatch::Exactly("user.lock".into()))
        );
        assert_eq!(
            ActionMatch::parse("user."),
            Ok(ActionMatch::Under("user.".into()))
        );
        for good in ["health.api-live", "audit.rule.disable", "audit.rule."] {
            assert_eq!(ActionMatch::parse(good).map(|_| ()), Ok(()), "{good}");
        }
        for bad in [
            "",
            "user",
            ".",
            ".lock",
            "user.lock.now.",
            "user..lock",
            "User.lock",
            "user.l%",
            "user.l ck",
            "a.b.c.d",
            "é.x",
        ] {
            assert_eq!(ActionMatch::parse(bad).unwrap_err().code, "action_form", "{bad}");
        }
        let long = "x".repeat(64);
        assert!(ActionMatch::parse(&format!("{long}.{}", &long[1..])).is_ok());
        assert!(ActionMatch::parse(&format!("{long}.{long}")).is_err());
        let under = ActionMatch::parse("user.").unwrap();
        assert!(under.matches("user.lock") && !under.matches("user_x.lock") && !under.matches("use"));
    }

    #[test]
    fn words_have_a_form() {
        assert_eq!(Word::parse("wrong_password").unwrap().as_str(), "wrong_password");
        for bad in ["", "Wrong", "a b", "a.b", &"x".repeat(65), "'--"] {
            assert_eq!(Word::parse(bad).unwrap_err().code, "word_form", "{bad}");
        }
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_refused() {
        let at = Timestamp::from_secs;
        let period = |from, until| EventFilter {
            from: Some(at(from)),
            until: Some(at(until)),
            ..EventFilter::within(OrganizationId::DEFAULT)
        };
        assert_eq!(period(1, 2).check(), Ok(()));
        assert_eq!(period(2, 2).check().unwrap_err().code, "period_empty");
        assert!(period(3, 2).check().is_err());
        let (least, most) = period(10_000, 10_200).ids();
        assert_eq!(
            least,
            Some(uuid_v7_floor(at(6_400))),
            "what was recorded an hour late"
        );
        assert_eq!(most, Some(uuid_v7_floor(at(10_260))));
    }

    #[test]
    fn the_question_of_a_filter_tells_all_of_its_parts_but_the_order() {
        let all = EventFilter::within(OrganizationId::DEFAULT);
        let action = crate::access::action::LIST;
        let id = Uuid::from_u128(7);
        let changes: [fn(&mut EventFilter, Uuid); 11] = [
            |f, _| f.action = ActionMatch::parse("user.").ok(),
            |f, id| f.actor_id = Some(id),
            |f, _| f.actor_kind = Some(ActorKind::User),
            |f, id| f.subject = Some(UserId::from_uuid(id)),
            |f, _| f.resource_kind = Word::parse("user").ok(),
            |f, id| f.resource_id = Some(id),
            |f, _| f.outcome = Some(Ending::Failed),
            |f, _| f.reason = Word::parse("user").ok(),
            |f, _| f.request_id = RequestId::parse("user"),
            |f, _| f.from = Some(Timestamp::from_secs(7)),
            |f, _| f.until = Some(Timestamp::from_secs(7)),
        ];
        let mut seen = std::collections::BTreeSet::from([all.question(action).fingerprint()]);
        for change in changes {
            let mut filter = all.clone();
            change(&mut filter, id);
            assert!(seen.insert(filter.question(action).fingerprint()), "{filter:?}");
        }
        let newest_first = EventFilter {
            order: Order::Descending,
            ..all
        };
        assert!(!seen.insert(newest_first.question(action).fingerprint()));
    }
}
