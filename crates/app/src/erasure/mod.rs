//! Erases a person (GDPR Art. 17): one transaction destroys their keys, empties their rows, ends their sessions, and writes
//! the certificate into the audit log.
//!
//! What lies in backups and copies under the destroyed keys cannot be read with what the installation still has. A backup that
//! is restored brings the keys back, so every erasure is noted outside the database too ([`Tombstone`]), and
//! [`Erasure::replay`] erases again whoever has come back.

mod certified;
mod receipt;
mod requested;
mod view;

pub use certified::{Certified, certified};
pub use receipt::RequestOutcome;
pub use requested::{Carried, Held};

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use vutf_crypto_keys::{
    KeyRecord, KeyRepo, KeyState, Keyring, KeysTx, ReasonCode,
    transition::{commit_transition, plan_transition},
};
use vutf_identity::{
    Identity, action,
    user::erase::{Counts, EraseError, EraseUser, audited, erase, permitted},
};
use vutf_kernel::{
    Actor, Ctx, Detail, Env, Event, EventId, KeyId, OrganizationId, Outcome, PortError, Timestamp, Units,
    UserId, transact,
};

use crate::UnitOfWork;

/// Why a person is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// They asked for it (GDPR Art. 17 (1) (b), (c)).
    Request,
    /// Their data is no longer needed (Art. 17 (1) (a)).
    Retention,
    /// It should never have been here (Art. 17 (1) (d)).
    Unlawful,
    /// A law demands it (Art. 17 (1) (e)).
    Obligation,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Request, Self::Retention, Self::Unlawful, Self::Obligation];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Retention => "retention",
            Self::Unlawful => "unlawful",
            Self::Obligation => "obligation",
        }
    }

    /// From the stable word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// Where the case is kept: 1 to 64 of `[A-Za-z0-9._-]`. Not a free text: it stays in the audit log for good, and must not
/// name whom it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reference(String);

impl Reference {
    /// `None` when it has not that form.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| Self(text.to_owned()))
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Erases somebody.
#[derive(Clone, Debug)]
pub struct Erase {
    /// Whom.
    pub user_id: UserId,
    /// The version of the account that the caller read.
    pub expected_version: Option<i64>,
    /// Why.
    pub reason: Reason,
    /// Where the case is kept.
    pub reference: Option<Reference>,
}

/// A key that an erasure destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestroyedKey {
    /// Which.
    pub id: KeyId,
    /// Its version.
    pub version: u32,
    /// Names the key itself, in hex: whoever finds a copy of it can prove that it was this one.
    pub fingerprint: String,
}

/// What an erasure did. The event `subject.erase` with the id `event_id` says the same in the audit log, where it is proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The event.
    pub event_id: EventId,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// The person, by the id that alone is left of them.
    pub subject_id: UserId,
    /// When.
    pub erased_at: Timestamp,
    /// By whom.
    pub erased_by: Actor,
    /// Why.
    pub reason: Reason,
    /// Where the case is kept.
    pub reference: Option<Reference>,
    /// The keys that were destroyed.
    pub keys: Vec<DestroyedKey>,
    /// Rows that were removed or emptied, by table.
    pub rows: Counts,
    /// The erasure that this one repeats, after older data was restored.
    pub replay_of: Option<EventId>,
}

/// What is kept of an erasure outside the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The event of the first erasure.
    pub event_id: EventId,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// The person.
    pub subject_id: UserId,
    /// When they were erased first.
    pub erased_at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// Where the case is kept.
    pub reference: Option<Reference>,
}

impl From<&Certificate> for Tombstone {
    fn from(certificate: &Certificate) -> Self {
        Self {
            event_id: certificate.replay_of.unwrap_or(certificate.event_id),
            organization_id: certificate.organization_id,
            subject_id: certificate.subject_id,
            erased_at: certificate.erased_at,
            reason: certificate.reason,
            reference: certificate.reference.clone(),
        }
    }
}

/// Erasures within a transaction.
#[async_trait]
pub trait ErasureRepo: Send {
    /// Every version of a person's key, oldest first.
    async fn keys_of(
        &mut self,
        organization: OrganizationId,
        subject: UserId,
    ) -> Result<Vec<KeyRecord>, PortError>;
    /// The newest certificate of a person.
    async fn certificate(
        &mut self,
        organization: OrganizationId,
        subject: UserId,
    ) -> Result<Option<Certificate>, PortError>;
    /// Keeps a certificate. None is ever changed or removed.
    async fn note(&mut self, certificate: &Certificate) -> Result<(), PortError>;
    /// Lets one transaction at a time pass for this person, until it ends.
    async fn lock(&mut self, organization: OrganizationId, subject: UserId) -> Result<(), PortError>;
}

/// Erasures outside of transactions.
#[async_trait]
pub trait ErasureReader: Send + Sync {
    /// Which of these persons can be read: a key of theirs is not destroyed, or their row was not emptied.
    async fn alive(
        &self,
        persons: &[(OrganizationId, UserId)],
    ) -> Result<Vec<(OrganizationId, UserId)>, PortError>;
    /// The newest certificate of a person.
    async fn certificate_of(
        &self,
        organization: OrganizationId,
        subject: UserId,
    ) -> Result<Option<Certificate>, PortError>;
    /// Up to `limit` certificates of all organizations, in the order of their events' ids and from the first after `after`.
    async fn certificates(&self, after: Option<EventId>, limit: u32) -> Result<Vec<Certificate>, PortError>;
}

/// Where tombstones are kept, outside the database.
#[async_trait]
pub trait Tombstones: Send + Sync {
    /// Keeps those of persons of whom none is kept. It does not fail: an erasure that was committed is done, and what cannot
    /// be written now is told to the operator, and is made good from the certificates in the database ([`certified()`]).
    async fn keep(&self, tombstones: &[Tombstone]);
}

/// The part of a unit of work that erasures need.
pub trait ErasureTx: Send {
    /// Erasures.
    fn erasures(&mut self) -> &mut dyn ErasureRepo;
}

/// The handles that the use cases of this module need.
pub struct Erasure<'a> {
    /// Opens transactions.
    pub units: &'a dyn Units<dyn UnitOfWork>,
    /// Users, sessions, passwords.
    pub identity: &'a Identity,
    /// What is loaded.
    pub keyring: &'a Arc<Keyring>,
    /// Reads outside of transactions.
    pub reader: &'a dyn ErasureReader,
    /// Takes the tombstones of what was committed.
    pub tombstones: &'a dyn Tombstones,
}

/// What one attempt is to do.
#[derive(Clone)]
struct Attempt {
    command: Erase,
    /// The first erasure, when this is a repetition.
    replay_of: Option<EventId>,
}

impl Erasure<'_> {
    /// Erases a person for good. Whoever is erased already has their certificate answered again. The tombstone is kept after the
    /// commit and before the answer.
    pub async fn erase(&self, ctx: &Ctx, command: Erase) -> Result<Certificate, EraseError> {
        let user = command.user_id;
        let attempt = Attempt {
            command,
            replay_of: None,
        };
        let done = match permitted(ctx) {
            Ok(()) => self.attempt(ctx, attempt).await,
            Err(error) => Err(error),
        };
        if let Ok(certificate) = &done {
            self.tombstones.keep(&[Tombstone::from(certificate)]).await;
        }
        audited(ctx, self.identity, user, done).await
    }

    /// Erases again whoever of `tombstones` can be read again, because older data was restored. Only for the service and the
    /// operator of the machine, who have made sure that the tombstones are true. Answers the certificates of those.
    pub async fn replay(&self, ctx: &Ctx, tombstones: &[Tombstone]) -> Result<Vec<Certificate>, EraseError> {
        permitted(ctx)?;
        self.tombstones.keep(tombstones).await;
        let mut by_person: BTreeMap<(OrganizationId, UserId), &Tombstone> = BTreeMap::new();
        for tombstone in tombstones {
            by_person
                .entry((tombstone.organization_id, tombstone.subject_id))
                .or_insert(tombstone);
        }
        let persons: Vec<_> = by_person.keys().copied().collect();
        let mut certificates = Vec::new();
        for person in self.reader.alive(&persons).await? {
            let Some(tombstone) = by_person.get(&person) else {
                continue;
            };
            let ctx = Ctx {
                organization_id: tombstone.organization_id,
                ..ctx.clone()
            };
            certificates.push(self.attempt(&ctx, Attempt::again(tombstone)).await?);
        }
        Ok(certificates)
    }

    async fn attempt(&self, ctx: &Ctx, attempt: Attempt) -> Result<Certificate, EraseError> {
        let (organization, user) = (ctx.organization_id, attempt.command.user_id);
        let certificate = transact(self.units, &self.identity.ambient, |unit, env| {
            let (ctx, attempt, identity) = (ctx.clone(), attempt.clone(), self.identity.clone());
            let keyring = Arc::clone(self.keyring);
            Box::pin(async move { within(unit, env, &ctx, &identity, &keyring, &attempt).await })
        })
        .await?;
        self.keyring.forget_subject(organization, user);
        self.identity.sessions.forget_user(user);
        Ok(certificate)
    }
}

impl Attempt {
    fn again(tombstone: &Tombstone) -> Self {
        Self {
            command: Erase {
                user_id: tombstone.subject_id,
                expected_version: None,
                reason: tombstone.reason,
                reference: tombstone.reference.clone(),
            },
            replay_of: Some(tombstone.event_id),
        }
    }
}

/// One transaction's work.
async fn within(
    unit: &mut (dyn UnitOfWork + 'static),
    mut env: Env<'_>,
    ctx: &Ctx,
    identity: &Identity,
    keyring: &Keyring,
    attempt: &Attempt,
) -> Result<Certificate, EraseError> {
    let (organization, user) = (ctx.organization_id, attempt.command.user_id);
    unit.erasures().lock(organization, user).await?;
    let earlier = unit.erasures().certificate(organization, user).await?;
    let records = unit.erasures().keys_of(organization, user).await?;
    let (gone, left): (Vec<_>, Vec<_>) = records
        .into_iter()
        .partition(|record| record.state == KeyState::Destroyed);
    let again = attempt.replay_of.is_some();
    if let (Some(earlier), true, false) = (&earlier, left.is_empty(), again) {
        let certificate = proved(keyring, earlier, &gone)?;
        unit.log().append(view::seen(ctx, &mut env, user)).await?;
        return Ok(certificate);
    }
    let command = EraseUser {
        user_id: user,
        expected_version: attempt.command.expected_version,
        again,
    };
    let inner = Env {
        clock: env.clock,
        entropy: &mut *env.entropy,
    };
    // Before the keys: who they are has to be read once more, to know whether they may be erased.
    let rows = match erase(ctx, identity, unit, inner, command).await {
        // The row is empty, or was never in this data: destroying keys is all that is left to do.
        Err(EraseError::NotFound) if again => Counts::new(),
        done => done?,
    };
    refuse_forged(keyring, (user, again), &gone, &left)?;
    let keys = destroy(unit, &mut env, ctx, keyring, (left, again)).await?;
    // Whoever read them meanwhile remembers them from before the transaction; it is done again after the commit.
    keyring.forget_subject(organization, user);
    certify(unit, &mut env, ctx, attempt, (keys, rows)).await
}

/// The certificate, if the key registry bears it out: whoever can write to the database can write both, and a tombstone is made
/// of the answer.
fn proved(
    keyring: &Keyring,
    certificate: &Certificate,
    records: &[KeyRecord],
) -> Result<Certificate, EraseError> {
    const OP: &str = "subject.prove_erasure";
    match certified::bears_out(keyring, certificate, records) {
        Ok(true) => Ok(certificate.clone()),
        Ok(false) => Err(PortError::other(OP, Unproved(certificate.event_id)).into()),
        Err(error) => Err(error.into_port(OP).into()),
    }
}

/// What the registry says is believed when it proves it: a row that only says `destroyed` would keep its wrapped key, and one
/// that is hidden would come back. A repetition is for whatever older data has brought back, so it needs no key to destroy.
fn refuse_forged(
    keyring: &Keyring,
    (user, again): (UserId, bool),
    gone: &[KeyRecord],
    left: &[KeyRecord],
) -> Result<(), EraseError> {
    const OP: &str = "subject.keys";
    for record in gone {
        keyring
            .is_destroyed(record)
            .map_err(|error| error.into_port(OP))?;
    }
    if left.is_empty() && gone.is_empty() && !again {
        return Err(PortError::other(OP, Keyless(user)).into());
    }
    Ok(())
}

/// Everybody has a key from their first day on.
#[derive(Debug, thiserror::Error)]
#[error(
    "the key registry has no key of the person {0}: somebody has written to `crypto_keys`; restore it from a backup, and erase \
     them then"
)]
struct Keyless(UserId);

/// The database says that somebody was erased, and cannot prove it.
#[derive(Debug, thiserror::Error)]
#[error(
    "the key registry does not bear out the certificate of the erasure {0}: somebody has written to `erasures` or `crypto_keys`; \
     restore both from a backup"
)]
struct Unproved(EventId);

/// Destroys what is left of a person's keys.
async fn destroy(
    unit: &mut (dyn UnitOfWork + 'static),
    env: &mut Env<'_>,
    ctx: &Ctx,
    keyring: &Keyring,
    (left, again): (Vec<KeyRecord>, bool),
) -> Result<Vec<DestroyedKey>, PortError> {
    let mut destroyed = Vec::new();
    for record in left {
        let reason = ReasonCode::Erasure.into();
        let change = plan_transition(keyring, env.now(), &record, KeyState::Destroyed, reason)
            .map_err(|error| error.into_port("subject.destroy_key"))?;
        if again {
            // What is older than the history of the key may come back without it: the line is there already.
            KeyRepo::replace(KeysTx::keys(unit), &change.record).await?;
        } else {
            commit_transition(ctx, env, unit, &change).await?;
        }
        destroyed.push(DestroyedKey {
            id: record.id,
            version: record.version,
            fingerprint: hex(&record.fingerprint),
        });
    }
    Ok(destroyed)
}

/// Writes the event and the certificate that repeats it.
async fn certify(
    unit: &mut (dyn UnitOfWork + 'static),
    env: &mut Env<'_>,
    ctx: &Ctx,
    attempt: &Attempt,
    (keys, rows): (Vec<DestroyedKey>, Counts),
) -> Result<Certificate, EraseError> {
    let user = attempt.command.user_id;
    let resource = action::SUBJECT_ERASE.one(user.as_uuid());
    let event = Event::new(ctx, env, action::SUBJECT_ERASE.name, resource, Outcome::Success).subject(user);
    let certificate = Certificate {
        event_id: event.id,
        organization_id: event.organization_id,
        subject_id: user,
        erased_at: event.occurred_at,
        erased_by: event.actor.clone(),
        reason: attempt.command.reason,
        reference: attempt.command.reference.clone(),
        keys,
        rows,
        replay_of: attempt.replay_of,
    };
    unit.log().append(told(event, &certificate)).await?;
    unit.erasures().note(&certificate).await?;
    Ok(certificate)
}

fn told(event: Event, certificate: &Certificate) -> Event {
    let of_keys =
        |text: fn(&DestroyedKey) -> String| Detail::List(certificate.keys.iter().map(text).collect());
    let mut event = event
        .detail("keys", of_keys(|key| key.id.to_string()))
        .detail("fingerprints", of_keys(|key| key.fingerprint.clone()))
        .detail("reason", Detail::Text(certificate.reason.as_str().to_owned()));
    if let Some(reference) = &certificate.reference {
        event = event.detail("reference", Detail::Text(reference.as_str().to_owned()));
    }
    if let Some(first) = certificate.replay_of {
        event = event.detail("replay_of", Detail::Text(first.to_string()));
    }
    for (table, rows) in &certificate.rows {
        let rows = Detail::Number(i64::try_from(*rows).unwrap_or(i64::MAX));
        event.details.insert(format!("rows_{table}").into(), rows);
    }
    event
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _written = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_case_and_no_person() {
        assert!(Reference::parse("DSR-2026.11_7").is_some());
        for bad in ["", "Ada Lovelace", "ada@example.org", "é", &"x".repeat(65)] {
            assert!(Reference::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn reasons_read_as_they_are_written() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
            let text = serde_json::to_value(reason).unwrap();
            assert_eq!(text, reason.as_str());
        }
        assert_eq!(Reason::parse("whim"), None);
    }
}
