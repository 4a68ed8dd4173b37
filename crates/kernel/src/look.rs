//! What a read shows, as its event tells it: what was asked for, how many things were shown, and which.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{Action, Detail, Event, UserId};

/// Ids that an event names one by one; all of them are in [`detail::IDS_HASH`].
pub const NAMED_IDS: usize = 10;

/// What these facts are called among an event's details.
pub mod detail {
    /// How many things were shown.
    pub const COUNT: &str = "count";
    /// SHA-256 over the question, in hex: equal questions share it, whichever page they ask for.
    pub const QUERY: &str = "query";
    /// SHA-256 over the ids that were shown, sixteen bytes each, in their order; in hex.
    pub const IDS_HASH: &str = "ids_hash";
    /// The first ids that were shown, at most [`super::NAMED_IDS`].
    pub const IDS: &str = "ids";
}

/// What somebody asked for: an action and its filter, without the page. Ids and stable words only: a digest of personal data
/// can be guessed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    action: Action,
    parts: BTreeMap<&'static str, String>,
}

impl Question {
    /// Everything that `action` can show.
    pub const fn all(action: Action) -> Self {
        Self {
            action,
            parts: BTreeMap::new(),
        }
    }
    /// Restricted by `part`, if it is there.
    #[must_use]
    pub fn with(mut self, name: &'static str, part: Option<impl ToString>) -> Self {
        if let Some(part) = part {
            self.parts.insert(name, part.to_string());
        }
        self
    }
    /// SHA-256 over the action and the parts in the order of their names, each preceded by its length in bytes (32 bits, big
    /// endian), so that no two questions give the same bytes.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(b"vutf/query/v1\0");
        let mut take = |text: &str| {
            hash.update(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            hash.update(text.as_bytes());
        };
        take(self.action.name);
        for (name, part) in &self.parts {
            take(name);
            take(part);
        }
        hash.finalize().into()
    }
}

impl Event {
    /// Tells what a read has shown. The ids are those of the things, in the order in which they are shown.
    #[must_use]
    pub fn shows(self, question: &Question, ids: &[Uuid]) -> Self {
        let mut hash = Sha256::new();
        for id in ids {
            hash.update(id.as_bytes());
        }
        let named = ids.iter().take(NAMED_IDS).map(ToString::to_string);
        let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        self.asks(question)
            .detail(detail::COUNT, Detail::Number(count))
            .detail(detail::IDS_HASH, Detail::Text(hex(&hash.finalize())))
            .detail(detail::IDS, Detail::List(named.collect()))
    }
    /// Tells what was asked for. It makes the event that of a read; [`Event::shows`] does it, too.
    #[must_use]
    pub fn asks(self, question: &Question) -> Self {
        self.detail(detail::QUERY, Detail::Text(hex(&question.fingerprint())))
    }
    /// Names everybody whose data was shown, each once.
    #[must_use]
    pub fn about_all(mut self, people: impl IntoIterator<Item = UserId>) -> Self {
        let known: BTreeSet<UserId> = self.subjects.drain(..).chain(people).collect();
        self.subjects = known.into_iter().collect();
        self
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, Ctx, Env, OrganizationId, OsEntropy, Outcome, RequestId, SystemClock};

    const LIST: Action = Action::new("thing.list", "thing");

    fn event() -> Event {
        let request_id = RequestId::parse("r").unwrap();
        let ctx = Ctx::internal(OrganizationId::DEFAULT, Actor::Operator, request_id);
        let mut env = Env {
            clock: &SystemClock,
            entropy: &mut OsEntropy,
        };
        Event::new(&ctx, &mut env, LIST.name, LIST.none(), Outcome::Success)
    }

    #[test]
    fn equal_questions_share_a_fingerprint_and_others_do_not() {
        let asked = |parts: &[(&'static str, &str)]| {
            let all = Question::all(LIST);
            let asked = parts
                .iter()
                .fold(all, |all, (name, part)| all.with(name, Some(part)));
            asked.fingerprint()
        };
        assert_eq!(asked(&[("a", "1"), ("b", "2")]), asked(&[("b", "2"), ("a", "1")]));
        let different = [
            asked(&[]),
            asked(&[("a", "")]),
            asked(&[("a", "1")]),
            asked(&[("a", "1"), ("b", "")]),
            asked(&[("a1", "")]),
            Question::all(Action::new("thing.lis", "thing")).fingerprint(),
        ];
        let distinct: BTreeSet<_> = different.iter().collect();
        assert_eq!(distinct.len(), different.len());
        assert_eq!(
            Question::all(LIST).with("a", None::<&str>).fingerprint(),
            asked(&[])
        );
    }

    #[test]
    fn a_look_tells_how_many_and_which_and_names_a_few() {
        let ids: Vec<Uuid> = (0..25_u128).map(Uuid::from_u128).collect();
        let told = event().shows(&Question::all(LIST), &ids).details;
        assert_eq!(told[detail::COUNT], Detail::Number(25));
        let Detail::List(named) = &told[detail::IDS] else {
            panic!("{told:?}")
        };
        assert_eq!(named.len(), NAMED_IDS);
        assert_eq!(named[1], Uuid::from_u128(1).to_string());
        let others = event().shows(&Question::all(LIST), &ids[..24]).details;
        assert_eq!(told[detail::QUERY], others[detail::QUERY]);
        assert_ne!(told[detail::IDS_HASH], others[detail::IDS_HASH]);
        let empty = event().shows(&Question::all(LIST), &[]).details;
        // SHA-256 of nothing, FIPS 180-4.
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(empty[detail::IDS_HASH], Detail::Text(nothing.to_owned()));
    }

    #[test]
    fn people_are_named_once() {
        let [one, two] = [2, 1].map(|n| UserId::from_uuid(Uuid::from_u128(n)));
        let event = event().subject(one).about_all([two, one, two]);
        assert_eq!(event.subjects, [two, one]);
    }
}
