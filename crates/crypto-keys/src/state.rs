//! The life cycle of a key: NIST SP 800-57 part 1 rev. 5, section 7.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::UnknownText;

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// Made, not yet in use.
    PreActivation,
    /// Protects and processes.
    Active,
    /// Put aside; may come back.
    Suspended,
    /// Its period of protection is over; what it protected can still be read.
    Deactivated,
    /// Known or feared to be in other hands.
    Compromised,
    /// Its bytes are gone; the record stays.
    Destroyed,
}

/// What one wants to do with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Encrypt, sign, make a MAC or a blind index for new data.
    Protect,
    /// Decrypt, verify, look up what was protected before.
    Process,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Allow,
    /// Go on, count it, and re-encrypt: the key is compromised. Never enough to believe a signature or a MAC.
    AllowFlagged,
    /// No.
    Refuse,
}

/// [`decide_by`] the policy that holds when nobody decided anything: a suspended key processes nothing.
pub const fn decide(state: KeyState, operation: Operation) -> Decision {
    decide_by(state, operation, false)
}

/// Whether a key in `state` may be used for `operation`: total, and the only place that says so. `suspended_may_process` is the
/// decision of whoever is responsible for the purpose, see [`crate::KeysetPolicy`].
pub const fn decide_by(state: KeyState, operation: Operation, suspended_may_process: bool) -> Decision {
    match (state, operation) {
        (KeyState::Active, _) | (KeyState::Deactivated, Operation::Process) => Decision::Allow,
        (KeyState::Suspended, Operation::Process) if suspended_may_process => Decision::Allow,
        (KeyState::Compromised, Operation::Process) => Decision::AllowFlagged,
        (KeyState::PreActivation | KeyState::Suspended | KeyState::Destroyed, _)
        | (KeyState::Deactivated | KeyState::Compromised, Operation::Protect) => Decision::Refuse,
    }
}

impl KeyState {
    /// Every state, in the order of a key's life.
    pub const ALL: [Self; 6] = [
        Self::PreActivation,
        Self::Active,
        Self::Suspended,
        Self::Deactivated,
        Self::Compromised,
        Self::Destroyed,
    ];

    /// Whether SP 800-57 knows a transition from this state to `next`. Nothing leaves [`KeyState::Destroyed`], and nothing
    /// becomes active again once it was deactivated or compromised.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::PreActivation => matches!(next, Self::Active | Self::Compromised | Self::Destroyed),
            Self::Active => {
                matches!(
                    next,
                    Self::Suspended | Self::Deactivated | Self::Compromised | Self::Destroyed
                )
            }
            Self::Suspended => {
                matches!(
                    next,
                    Self::Active | Self::Deactivated | Self::Compromised | Self::Destroyed
                )
            }
            Self::Deactivated => matches!(next, Self::Compromised | Self::Destroyed),
            Self::Compromised => matches!(next, Self::Destroyed),
            Self::Destroyed => false,
        }
    }

    /// Whether any operation is allowed: only then is the key unwrapped at all.
    pub(crate) const fn is_usable(self) -> bool {
        !matches!(decide(self, Operation::Protect), Decision::Refuse)
            || !matches!(decide(self, Operation::Process), Decision::Refuse)
    }

    /// The stable text that stores and wire formats hold.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreActivation => "pre-activation",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deactivated => "deactivated",
            Self::Compromised => "compromised",
            Self::Destroyed => "destroyed",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for KeyState {
    type Err = UnknownText;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownText {
                what: "key state",
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Decision::{Allow, AllowFlagged, Refuse};

    #[test]
    fn every_state_and_operation_is_decided_as_the_table_says() {
        let table = [
            (KeyState::PreActivation, Refuse, Refuse),
            (KeyState::Active, Allow, Allow),
            (KeyState::Suspended, Refuse, Refuse),
            (KeyState::Deactivated, Refuse, Allow),
            (KeyState::Compromised, Refuse, AllowFlagged),
            (KeyState::Destroyed, Refuse, Refuse),
        ];
        assert_eq!(table.map(|(state, ..)| state), KeyState::ALL);
        for (state, protect, process) in table {
            assert_eq!(decide(state, Operation::Protect), protect, "{state} protect");
            assert_eq!(decide(state, Operation::Process), process, "{state} process");
            assert_eq!(
                state.is_usable(),
                protect != Refuse || process != Refuse,
                "{state}"
            );
        }
    }

    #[test]
    fn a_policy_lets_a_suspended_key_process_and_changes_nothing_else() {
        for state in KeyState::ALL {
            for operation in [Operation::Protect, Operation::Process] {
                let expected = match (state, operation) {
                    (KeyState::Suspended, Operation::Process) => Allow,
                    _ => decide(state, operation),
                };
                assert_eq!(
                    decide_by(state, operation, true),
                    expected,
                    "{state} {operation:?}"
                );
            }
        }
    }

    #[test]
    fn every_pair_of_states_is_a_transition_or_not_as_the_table_says() {
        // rows: from, columns: to, both in the order of `ALL`
        let table = [
            [false, true, false, false, true, true],
            [false, false, true, true, true, true],
            [false, true, false, true, true, true],
            [false, false, false, false, true, true],
            [false, false, false, false, false, true],
            [false; 6],
        ];
        for (from, row) in KeyState::ALL.into_iter().zip(table) {
            for (to, allowed) in KeyState::ALL.into_iter().zip(row) {
                assert_eq!(from.may_become(to), allowed, "{from} to {to}");
            }
        }
    }

    #[test]
    fn the_text_is_one_and_the_same_everywhere() {
        for state in KeyState::ALL {
            assert_eq!(state.to_string().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert!("Active".parse::<KeyState>().is_err());
    }
}
