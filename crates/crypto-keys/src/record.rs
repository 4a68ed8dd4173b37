//! A row of the key registry.

use std::{fmt, str::FromStr};

use vutf_kernel::{KeyId, OrganizationId, Secret, Timestamp};

use crate::{
    Algorithm, CryptoError, KeyState, LoadError, Purpose, UnknownText, associated::length_prefixed,
    authenticated::Authenticated, hazmat::kdf::hkdf_sha512,
};

const DOMAIN: &[u8] = b"vutf/key-record/v1";
const CONTEXT_DOMAIN: &[u8] = b"vutf/key-context/v1";
const FINGERPRINT_DOMAIN: &[u8] = b"vutf/key-fingerprint/v1";

/// What wrapped a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WrappedBy {
    /// A key-encryption key, by its provider's id. Text: `kek:…`.
    Kek(String),
    /// A tenant key of the same organization. Text: `tenant:…`.
    Tenant(KeyId),
}

impl fmt::Display for WrappedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kek(id) => write!(f, "kek:{id}"),
            Self::Tenant(id) => write!(f, "tenant:{id}"),
        }
    }
}

impl FromStr for WrappedBy {
    type Err = UnknownText;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match text.split_once(':') {
            Some(("kek", id)) if !id.is_empty() => Some(Self::Kek(id.to_owned())),
            // Only the canonical form: the record's MAC covers the text.
            Some(("tenant", id)) => id
                .parse::<KeyId>()
                .ok()
                .filter(|parsed| parsed.to_string() == id)
                .map(Self::Tenant),
            _ => None,
        };
        parsed.ok_or_else(|| UnknownText {
            what: "wrapping key",
            text: text.to_owned(),
        })
    }
}

/// One key as the store holds it: wrapped, with its life in plain view, and authenticated as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key.
    pub id: KeyId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// Its one use.
    pub purpose: Purpose,
    /// 1 for the first key of the purpose in the tenant, then one more with each rotation.
    pub version: u32,
    /// What it computes.
    pub algorithm: Algorithm,
    /// Where it is in its life.
    pub state: KeyState,
    /// The key, wrapped; empty once it is destroyed.
    pub wrapped: Vec<u8>,
    /// What wrapped it.
    pub wrapped_by: WrappedBy,
    /// The public half, for a signing key: 32 bytes.
    pub public_key: Option<Vec<u8>>,
    /// HKDF-SHA-512 of the key with its id: names the key without telling it, and stays when the key is gone. A certificate of
    /// destruction carries it.
    pub fingerprint: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it first began to protect.
    pub activated_at: Option<Timestamp>,
    /// When it came into the state that it is in.
    pub state_changed_at: Timestamp,
    /// End of the cryptoperiod: after it, the key should protect nothing new. `None` when that is decided by hand.
    pub not_after: Option<Timestamp>,
    /// 1 when it was made, one more with each change of the row. The audit log tells the newest, so that an older row which
    /// was put back is known by it.
    pub revision: u64,
    /// HMAC-SHA-256 over every other field, under a key derived from the tenant key: a writer of the database cannot
    /// change a row unseen.
    pub mac: [u8; 32],
}

impl KeyRecord {
    /// Whether the key should have been rotated by `now`.
    pub fn is_past_cryptoperiod(&self, now: Timestamp) -> bool {
        self.not_after.is_some_and(|end| end <= now)
    }

    /// The same key in its next state from `now` on, with the MAC that belongs to it: the only way from one state to another.
    /// A key that becomes active for the first time gets its cryptoperiod; of one that is destroyed only the bytes go.
    pub(crate) fn into_state(
        mut self,
        next: KeyState,
        now: Timestamp,
        registry_key: &Secret<[u8; 32]>,
    ) -> Result<Self, LoadError> {
        let (key_id, from) = (self.id, self.state);
        if !from.may_become(next) {
            return Err(LoadError::Transition { key_id, from, next });
        }
        self.state = next;
        self.state_changed_at = now;
        self.revision = self.revision.saturating_add(1);
        match next {
            KeyState::Active if self.activated_at.is_none() => {
                self.activated_at = Some(now);
                let period = self.purpose.cryptoperiod();
                self.not_after = self.not_after.or_else(|| period.map(|period| now.plus(period)));
            }
            KeyState::Destroyed => self.wrapped.clear(),
            _ => {}
        }
        self.authenticated(registry_key)
            .map_err(|source| LoadError::Wrapping { key_id, source })
    }

    /// What the wrapping is bound to: tenant, purpose, version and id.
    pub(crate) fn context(&self) -> Result<Vec<u8>, CryptoError> {
        length_prefixed(&[
            CONTEXT_DOMAIN,
            self.organization_id.as_bytes(),
            self.purpose.to_string().as_bytes(),
            &self.version.to_be_bytes(),
            self.id.as_bytes(),
        ])
    }
}

impl Authenticated for KeyRecord {
    fn mac_input(&self) -> Result<Vec<u8>, CryptoError> {
        // Destructured, so that a new field cannot be forgotten here.
        let Self {
            id,
            organization_id,
            purpose,
            version,
            algorithm,
            state,
            wrapped,
            wrapped_by,
            public_key,
            fingerprint,
            created_at,
            activated_at,
            state_changed_at,
            not_after,
            revision,
            mac: _,
        } = self;
        length_prefixed(&[
            DOMAIN,
            id.as_bytes(),
            organization_id.as_bytes(),
            purpose.to_string().as_bytes(),
            &version.to_be_bytes(),
            algorithm.as_str().as_bytes(),
            state.as_str().as_bytes(),
            wrapped,
            wrapped_by.to_string().as_bytes(),
            &[u8::from(public_key.is_some())],
            public_key.as_deref().unwrap_or_default(),
            fingerprint,
            &created_at.as_micros().to_be_bytes(),
            &optional(*activated_at),
            &state_changed_at.as_micros().to_be_bytes(),
            &optional(*not_after),
            &revision.to_be_bytes(),
        ])
    }

    fn mac(&self) -> &[u8; 32] {
        &self.mac
    }

    fn with_mac(self, mac: [u8; 32]) -> Self {
        Self { mac, ..self }
    }
}

/// What names the key `id` for ever and tells nothing of it.
pub(crate) fn fingerprint(id: KeyId, key: &Secret<[u8; 32]>) -> Result<[u8; 32], CryptoError> {
    hkdf_sha512::<32>(key.expose(), FINGERPRINT_DOMAIN, &[id.as_bytes()]).map(|value| *value)
}

/// The id in a header or in a derived name.
pub(crate) fn key_id_from_bytes(bytes: [u8; 16]) -> KeyId {
    KeyId::from_uuid(uuid::Uuid::from_bytes(bytes))
}

fn optional(at: Option<Timestamp>) -> Vec<u8> {
    at.map(|at| at.as_micros().to_be_bytes().to_vec())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> KeyRecord {
        KeyRecord {
            id: key_id_from_bytes([1; 16]),
            organization_id: OrganizationId::DEFAULT,
            purpose: Purpose::field("users"),
            version: 1,
            algorithm: Algorithm::XChaCha20Poly1305,
            state: KeyState::Active,
            wrapped: vec![1, 2, 3],
            wrapped_by: WrappedBy::Kek("kek-1".into()),
            public_key: None,
            fingerprint: [7; 32],
            created_at: Timestamp::from_secs(1),
            activated_at: Some(Timestamp::from_secs(2)),
            state_changed_at: Timestamp::from_secs(2),
            not_after: None,
            revision: 1,
            mac: [0; 32],
        }
    }

    #[test]
    fn a_change_of_any_field_is_seen() {
        let key = Secret::new([5; 32]);
        let good = record().authenticated(&key).unwrap();
        assert!(good.is_authentic(&key).unwrap());
        assert!(!good.is_authentic(&Secret::new([6; 32])).unwrap());
        let other_organization = OrganizationId::from_uuid(uuid::Uuid::from_bytes([2; 16]));
        let edits: [fn(&mut KeyRecord); 15] = [
            |r| r.id = key_id_from_bytes([2; 16]),
            |r| r.purpose = Purpose::field("roles"),
            |r| r.version = 2,
            |r| r.algorithm = Algorithm::HmacSha256,
            |r| r.state = KeyState::Deactivated,
            |r| r.wrapped = vec![1, 2, 4],
            |r| r.wrapped_by = WrappedBy::Kek("kek-2".into()),
            |r| r.public_key = Some(vec![]),
            |r| r.fingerprint[0] ^= 1,
            |r| r.created_at = Timestamp::from_secs(3),
            |r| r.activated_at = None,
            |r| r.state_changed_at = Timestamp::from_secs(3),
            |r| r.not_after = Some(Timestamp::from_secs(2)),
            |r| r.revision = 2,
            |r| r.mac[31] ^= 1,
        ];
        for (at, edit) in edits.into_iter().enumerate() {
            let mut changed = good.clone();
            edit(&mut changed);
            assert!(!changed.is_authentic(&key).unwrap(), "edit {at}");
        }
        let mut moved = good;
        moved.organization_id = other_organization;
        assert!(!moved.is_authentic(&key).unwrap());
    }

    #[test]
    fn a_record_changes_its_state_as_the_life_cycle_allows_and_stays_authentic() {
        let key = Secret::new([5; 32]);
        let now = Timestamp::from_secs(9);
        for from in KeyState::ALL {
            for next in KeyState::ALL {
                let record = KeyRecord {
                    state: from,
                    ..record()
                };
                match record.clone().into_state(next, now, &key) {
                    Ok(changed) => {
                        assert!(from.may_become(next), "{from} to {next}");
                        assert!(changed.is_authentic(&key).unwrap());
                        let wrapped = match next {
                            KeyState::Destroyed => Vec::new(),
                            _ => record.wrapped.clone(),
                        };
                        let mac = changed.mac;
                        assert_eq!(
                            changed,
                            KeyRecord {
                                state: next,
                                state_changed_at: now,
                                revision: record.revision + 1,
                                wrapped,
                                mac,
                                ..record
                            }
                        );
                    }
                    Err(error) => {
                        assert!(!from.may_become(next), "{from} to {next}");
                        assert!(matches!(error, LoadError::Transition { .. }), "{error}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_cryptoperiod_begins_with_the_first_activation_only() {
        let key = Secret::new([5; 32]);
        let (first, second) = (Timestamp::from_secs(100), Timestamp::from_secs(200));
        let made = KeyRecord {
            state: KeyState::PreActivation,
            activated_at: None,
            ..record()
        };
        let active = made.into_state(KeyState::Active, first, &key).unwrap();
        let end = first.plus(Purpose::field("users").cryptoperiod().unwrap());
        assert_eq!((active.activated_at, active.not_after), (Some(first), Some(end)));
        let suspended = active.into_state(KeyState::Suspended, first, &key).unwrap();
        let again = suspended.into_state(KeyState::Active, second, &key).unwrap();
        assert_eq!((again.activated_at, again.not_after), (Some(first), Some(end)));
        assert_eq!(again.state_changed_at, second);
    }

    #[test]
    fn a_fingerprint_is_of_one_key_and_one_id() {
        let id = key_id_from_bytes([1; 16]);
        let own = fingerprint(id, &Secret::new([5; 32])).unwrap();
        assert_eq!(own, fingerprint(id, &Secret::new([5; 32])).unwrap());
        assert_ne!(own, fingerprint(id, &Secret::new([6; 32])).unwrap());
        assert_ne!(
            own,
            fingerprint(key_id_from_bytes([2; 16]), &Secret::new([5; 32])).unwrap()
        );
    }

    #[test]
    fn wrapped_by_round_trips_in_its_canonical_form_only() {
        let id = key_id_from_bytes([0xAB; 16]);
        for wrapped_by in [WrappedBy::Kek("a:b".into()), WrappedBy::Tenant(id)] {
            assert_eq!(wrapped_by.to_string().parse(), Ok(wrapped_by.clone()));
        }
        for bad in [
            "",
            "kek:",
            "tenant:x",
            "x:y",
            &format!("tenant:{}", id.to_string().to_uppercase()),
        ] {
            assert!(bad.parse::<WrappedBy>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_cryptoperiod_ends_at_its_last_moment() {
        let mut record = record();
        assert!(!record.is_past_cryptoperiod(Timestamp::from_secs(i64::MAX)));
        record.not_after = Some(Timestamp::from_secs(10));
        assert!(!record.is_past_cryptoperiod(Timestamp::from_secs(9)));
        assert!(record.is_past_cryptoperiod(Timestamp::from_secs(10)));
    }
}
