//! From one state of a key's life to the next: who, when, why, and what is kept of it.

use std::{fmt, str::FromStr};

use uuid::Uuid;
use vutf_kernel::{Actor, Ctx, Detail, Env, Event, EventId, KeyId, OrganizationId, PortError, Timestamp};

use crate::{
    KeyRecord, KeyState, Keyring, KeysTx, LoadError, UnknownText,
    action::{self, key_event},
};

/// Why a key changed its state, as a stable word (after the reasons of RFC 5280, section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReasonCode {
    /// Nothing was said. Text: `unspecified`.
    Unspecified,
    /// It was made. Text: `created`.
    Created,
    /// A newer version took its place. Text: `superseded`.
    Superseded,
    /// Its cryptoperiod or its limit of use came to an end. Text: `cryptoperiod`.
    Cryptoperiod,
    /// It is known or feared to be in other hands. Text: `key_compromise`.
    KeyCompromise,
    /// Something is being looked into. Text: `investigation`.
    Investigation,
    /// What it was for is no more. Text: `cessation`.
    Cessation,
    /// The data of a person is erased with it. Text: `erasure`.
    Erasure,
}

impl ReasonCode {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Unspecified,
        Self::Created,
        Self::Superseded,
        Self::Cryptoperiod,
        Self::KeyCompromise,
        Self::Investigation,
        Self::Cessation,
        Self::Erasure,
    ];

    /// Whether a person may give it; the others are for what the service does by itself.
    pub const fn is_given(self) -> bool {
        !matches!(self, Self::Created | Self::Erasure)
    }

    /// The stable text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Created => "created",
            Self::Superseded => "superseded",
            Self::Cryptoperiod => "cryptoperiod",
            Self::KeyCompromise => "key_compromise",
            Self::Investigation => "investigation",
            Self::Cessation => "cessation",
            Self::Erasure => "erasure",
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ReasonCode {
    type Err = UnknownText;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|code| code.as_str() == text)
            .ok_or_else(|| UnknownText {
                what: "reason",
                text: text.to_owned(),
            })
    }
}

/// A reason with a note, e.g. the number of a ticket. The note stands in clear in the registry and in the audit log: it is no
/// place for personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    code: ReasonCode,
    note: Option<String>,
}

/// A note that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a note has 1 to {max} bytes and no control characters", max = Reason::MAX_NOTE)]
pub struct UnfitNote;

impl Reason {
    /// Bytes of a note at most.
    pub const MAX_NOTE: usize = 200;

    /// With a note, or without.
    pub fn new(code: ReasonCode, note: Option<&str>) -> Result<Self, UnfitNote> {
        let fits =
            |note: &str| (1..=Self::MAX_NOTE).contains(&note.len()) && !note.chars().any(char::is_control);
        if note.is_some_and(|note| !fits(note)) {
            return Err(UnfitNote);
        }
        Ok(Self {
            code,
            note: note.map(str::to_owned),
        })
    }

    /// The code.
    pub const fn code(&self) -> ReasonCode {
        self.code
    }

    /// The note.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

impl From<ReasonCode> for Reason {
    fn from(code: ReasonCode) -> Self {
        Self { code, note: None }
    }
}

/// A line of a key's history. The lines are a convenience for readers; what counts is the audit event that each one names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The key.
    pub key_id: KeyId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// The revision of the row that came of it.
    pub revision: u64,
    /// What it was; `None` for a key that was made.
    pub from: Option<KeyState>,
    /// What it became.
    pub to: KeyState,
    /// When.
    pub at: Timestamp,
    /// What kind of actor did it, see [`Actor::kind`].
    pub actor_kind: String,
    /// The user who did it, if one did.
    pub actor_id: Option<Uuid>,
    /// Why.
    pub reason: Reason,
    /// The event that tells of it.
    pub event_id: EventId,
}

/// A change of state that is ready to be committed.
#[derive(Clone, Debug)]
pub struct Change {
    /// What the key was.
    pub from: KeyState,
    /// The row as it is to be.
    pub record: KeyRecord,
    /// Why.
    pub reason: Reason,
}

/// `record` in the state `next`, after its authenticity was checked. Asks no provider: the tenant key above it must be loaded,
/// so that a key can be put aside while the provider is away.
pub fn plan_transition(
    keyring: &Keyring,
    now: Timestamp,
    record: &KeyRecord,
    next: KeyState,
    reason: Reason,
) -> Result<Change, LoadError> {
    let authority = keyring.authority_of(record)?;
    let from = record.state;
    let record = record.clone().into_state(next, now, &authority.registry_key)?;
    Ok(Change { from, record, reason })
}

/// Writes a change of state, its line in the key's history and its event; [`vutf_kernel::Fault::Stale`] when the row was
/// changed meanwhile.
pub async fn commit_transition(
    ctx: &Ctx,
    env: &mut Env<'_>,
    tx: &mut dyn KeysTx,
    change: &Change,
) -> Result<(), PortError> {
    tx.keys().replace(&change.record).await?;
    let event = changed(ctx, env, change);
    let line = history_line(&event, Some(change.from), &change.record, &change.reason);
    tx.lifecycle().note(&line).await?;
    tx.events().append(event).await
}

/// The event of a change of state.
pub(crate) fn changed(ctx: &Ctx, env: &mut Env<'_>, change: &Change) -> Event {
    let action = action::of_state(change.record.state);
    let event = key_event(ctx, env, action, &change.record)
        .detail("from", Detail::Text(change.from.to_string()))
        .detail("reason", Detail::Text(change.reason.code.to_string()));
    let event = match &change.reason.note {
        Some(note) => event.detail("note", Detail::Text(note.clone())),
        None => event,
    };
    if change.record.state == KeyState::Destroyed {
        return event.detail("fingerprint", Detail::Text(hex(&change.record.fingerprint)));
    }
    event
}

/// The line of history that `event` tells of.
pub(crate) fn history_line(
    event: &Event,
    from: Option<KeyState>,
    record: &KeyRecord,
    reason: &Reason,
) -> Transition {
    Transition {
        key_id: record.id,
        organization_id: record.organization_id,
        revision: record.revision,
        from,
        to: record.state,
        at: record.state_changed_at,
        actor_kind: event.actor.kind().to_owned(),
        actor_id: actor_id(&event.actor),
        reason: reason.clone(),
        event_id: event.id,
    }
}

fn actor_id(actor: &Actor) -> Option<Uuid> {
    actor.user_id().map(|user| user.as_uuid())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_round_trip() {
        for code in ReasonCode::ALL {
            assert_eq!(code.to_string().parse(), Ok(code));
        }
        assert!("Created".parse::<ReasonCode>().is_err());
    }

    #[test]
    fn a_note_is_bounded_and_printable() {
        let longest = "x".repeat(Reason::MAX_NOTE);
        for note in ["INC-1234", "é", &longest] {
            let reason = Reason::new(ReasonCode::Investigation, Some(note)).unwrap();
            assert_eq!(reason.note(), Some(note));
        }
        for note in ["", "a\nb", "\u{7f}", &format!("{longest}x")] {
            assert_eq!(
                Reason::new(ReasonCode::Unspecified, Some(note)),
                Err(UnfitNote),
                "{note:?}"
            );
        }
    }

    #[test]
    fn hexadecimal_has_two_digits_a_byte() {
        assert_eq!(hex(&[0, 1, 0xAB]), "0001ab");
    }
}
