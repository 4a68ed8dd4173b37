//! Legal holds: what must not go, whatever its age. A hold always wins.

use vutf_kernel::{Actor, HoldId, OrganizationId, Timestamp, UserId};

use super::{EventClass, Facts};

/// Why events are held: 1 to 200 bytes, printed characters only. It stays in the log for good and in clear, so it is no place
/// for personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldReason(String);

impl HoldReason {
    /// `None` when the text is empty, longer than 200 bytes, or holds control characters.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (1..=200).contains(&text.len()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which events are held: those that every part of it fits. Absent parts fit every event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldScope {
    /// Of this tenant.
    pub organization_id: Option<OrganizationId>,
    /// That touched this person's data.
    pub subject: Option<UserId>,
    /// By this person.
    pub actor: Option<UserId>,
    /// Of this class.
    pub class: Option<&'static EventClass>,
    /// At this instant or later.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
}

impl HoldScope {
    /// Whether the hold keeps this event.
    pub fn covers(&self, facts: &Facts) -> bool {
        self.organization_id
            .is_none_or(|organization| organization == facts.organization_id)
            && self
                .subject
                .is_none_or(|subject| facts.subjects.contains(&subject))
            && self
                .actor
                .is_none_or(|actor| facts.actor_id == Some(actor.as_uuid()))
            && self
                .class
                .is_none_or(|class| *class == *EventClass::of(&facts.action))
            && self.from.is_none_or(|from| facts.occurred_at >= from)
            && self.until.is_none_or(|until| facts.occurred_at < until)
    }

    /// Whether it can hold anything at all.
    pub fn is_possible(&self) -> bool {
        !matches!((self.from, self.until), (Some(from), Some(until)) if from >= until)
    }

    /// As an event tells it. Persons are named by their pseudonyms.
    pub(super) fn details(&self) -> Vec<(&'static str, String)> {
        let class = self.class.map(|class| class.name.to_owned());
        let parts = [
            ("of_organization", self.organization_id.map(|id| id.to_string())),
            ("of_subject", self.subject.map(|id| id.to_string())),
            ("of_actor", self.actor.map(|id| id.to_string())),
            ("of_class", class),
            ("from", self.from.map(Timestamp::rfc3339)),
            ("until", self.until.map(Timestamp::rfc3339)),
        ];
        let given = parts.into_iter().filter_map(|(name, text)| Some((name, text?)));
        given.collect()
    }
}

/// A legal hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// In which tenant it was placed, and is seen.
    pub placed_in: OrganizationId,
    /// Why.
    pub reason: HoldReason,
    /// On what.
    pub scope: HoldScope,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// By whom.
    pub placed_by: Doer,
    /// When it was released and by whom; `None` while it holds.
    pub released: Option<(Timestamp, Doer)>,
}

/// Who did something, as it is stored beside what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doer {
    /// What [`Actor::kind`] tells.
    pub kind: String,
    /// The user, if it was one.
    pub user: Option<UserId>,
}

impl From<&Actor> for Doer {
    fn from(actor: &Actor) -> Self {
        Self {
            kind: actor.kind().to_owned(),
            user: actor.user_id(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_line_of_text() {
        assert_eq!(
            HoldReason::parse("  case 2026-17 ").unwrap().as_str(),
            "case 2026-17"
        );
        for bad in ["", "  ", "a\nb", "\u{7f}", &"x".repeat(201)] {
            assert_eq!(HoldReason::parse(bad), None, "{bad:?}");
        }
        assert!(HoldReason::parse(&"x".repeat(200)).is_some());
    }
}
