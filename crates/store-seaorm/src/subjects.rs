//! Keys of single persons: made with the person, loaded with the rows that name them, one query for all rows at most.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationDef, Select, SelectTwo,
};
use uuid::Uuid;
use vutf_crypto_keys::{
    CryptoError, KeyRecord, KeyRepo, KeyState, Keyring, LoadError, Purpose, SubjectKey, SubjectKeys,
};
use vutf_kernel::{Env, KeyId, OrganizationId, PortError, UserId};

use crate::{
    SeaStore,
    entity::{crypto_keys, erasures},
    error::port,
    keys::record,
    tx::Tx,
};

/// Ids in one query: far below the parameters that SQLite allows.
const IDS: usize = 500;

/// How a person's new data is to be sealed.
pub(crate) enum Holder {
    /// Under their own key.
    Key(SubjectKey),
    /// Not at all: they were erased.
    Erased,
    /// They have no key of their own: nobody here knows them.
    Stranger,
}

impl Tx {
    /// Makes the first key of a person who is being made.
    pub(crate) async fn make_subject_key(
        &mut self,
        organization: OrganizationId,
        subject: UserId,
    ) -> Result<SubjectKey, PortError> {
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut *self.entropy,
        };
        let (record, key) = self
            .keyring
            .new_subject_key(&mut env, organization, subject)
            .map_err(|error| error.into_port("subject.make_key"))?;
        KeyRepo::insert(self, &record).await?;
        Ok(key)
    }

    /// The keys that `ciphertexts` name; no query when all are remembered.
    pub(crate) async fn subject_keys(&self, ciphertexts: Vec<&[u8]>) -> Result<SubjectKeys, PortError> {
        let (keys, missing) = self.keyring.subject_keys_of(ciphertexts);
        if missing.is_empty() {
            return Ok(keys);
        }
        let rows = rows_of(&self.db, &missing).await.map_err(port("subject.keys"))?;
        with_rows(&self.keyring, keys, missing, rows)
    }

    /// How to seal new data of a person.
    pub(crate) async fn holder(
        &self,
        organization: OrganizationId,
        subject: UserId,
    ) -> Result<Holder, PortError> {
        let mut holders = self.holders([(organization, subject)].into()).await?;
        Ok(holders
            .remove(&(organization, subject))
            .unwrap_or(Holder::Stranger))
    }

    /// How to seal new data of several persons; one query a tenant, none when all keys are remembered. Who is not in the
    /// answer is a stranger.
    pub(crate) async fn holders(
        &self,
        persons: BTreeSet<(OrganizationId, UserId)>,
    ) -> Result<BTreeMap<(OrganizationId, UserId), Holder>, PortError> {
        let mut holders = BTreeMap::new();
        let mut missing: BTreeMap<OrganizationId, Vec<UserId>> = BTreeMap::new();
        for (organization, subject) in persons {
            match self.keyring.protecting_subject_key(organization, subject) {
                Some(key) => {
                    holders.insert((organization, subject), Holder::Key(key));
                }
                None => missing.entry(organization).or_default().push(subject),
            }
        }
        for (organization, subjects) in missing {
            let rows = rows_of_persons(&self.db, organization, &subjects)
                .await
                .map_err(port("subject.key"))?;
            let mut newest: BTreeMap<UserId, KeyRecord> = BTreeMap::new();
            for record in rows.keys.into_iter().map(record) {
                let record = record?;
                let Some(subject) = record.purpose.subject_id() else {
                    continue;
                };
                let active = |known: &KeyRecord| known.state == KeyState::Active;
                if record.state == KeyState::Active || !newest.get(&subject).is_some_and(active) {
                    newest.insert(subject, record);
                }
            }
            for (subject, record) in newest {
                let erased = rows.erased.contains(&(organization.as_uuid(), subject.as_uuid()));
                let holder = holder_of(&self.keyring, &record, erased)?;
                holders.insert((organization, subject), holder);
            }
        }
        Ok(holders)
    }

    /// Every version of a person's key, oldest first.
    pub(crate) async fn subject_records(
        &self,
        organization: OrganizationId,
        subject: UserId,
    ) -> Result<Vec<KeyRecord>, PortError> {
        let rows = of_persons(organization, &[subject])
            .all(&self.db)
            .await
            .map_err(port("subject.key"))?;
        rows.into_iter().map(record).collect()
    }
}

impl SeaStore {
    /// As [`Tx::subject_keys`], outside of transactions.
    pub(crate) async fn keys_named_by(&self, ciphertexts: Vec<&[u8]>) -> Result<SubjectKeys, PortError> {
        let keyring = Arc::clone(&self.inner.keyring);
        let (keys, missing) = keyring.subject_keys_of(ciphertexts);
        if missing.is_empty() {
            return Ok(keys);
        }
        let rows = self.read("subject.keys", |db| rows_of(db, &missing)).await?;
        with_rows(&keyring, keys, missing, rows)
    }
}

/// Rows of keys, and which of them belong to somebody who was erased: a row that was put back after an erasure is none.
#[derive(Default)]
struct Rows {
    keys: Vec<crypto_keys::Model>,
    erased: HashSet<(Uuid, Uuid)>,
}

impl Rows {
    /// A key comes once for each certificate of its person.
    fn take_in(&mut self, found: Vec<(crypto_keys::Model, Option<erasures::Model>)>) {
        let mut seen: HashSet<Uuid> = self.keys.iter().map(|key| key.id).collect();
        for (key, erasure) in found {
            if let Some(erasure) = erasure {
                self.erased.insert((erasure.organization_id, erasure.subject_id));
            }
            if seen.insert(key.id) {
                self.keys.push(key);
            }
        }
    }
}

async fn rows_of<C: ConnectionTrait>(db: &C, ids: &[KeyId]) -> Result<Rows, DbErr> {
    let mut rows = Rows::default();
    for chunk in ids.chunks(IDS) {
        let ids: Vec<Uuid> = chunk.iter().map(KeyId::as_uuid).collect();
        let keys = crypto_keys::Entity::find().filter(crypto_keys::Column::Id.is_in(ids));
        rows.take_in(with_erasures(keys).all(db).await?);
    }
    Ok(rows)
}

/// Every version of these persons' keys, oldest first.
async fn rows_of_persons<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    subjects: &[UserId],
) -> Result<Rows, DbErr> {
    let mut rows = Rows::default();
    let keys = of_persons(organization, subjects);
    rows.take_in(with_erasures(keys).all(db).await?);
    Ok(rows)
}

fn of_persons(organization: OrganizationId, subjects: &[UserId]) -> Select<crypto_keys::Entity> {
    // By the purpose, which has an index; `subject_id` says the same.
    let purposes = subjects
        .iter()
        .map(|subject| Purpose::subject(*subject).to_string());
    crypto_keys::Entity::find()
        .filter(crypto_keys::Column::OrganizationId.eq(organization.as_uuid()))
        .filter(crypto_keys::Column::Purpose.is_in(purposes))
        .order_by_asc(crypto_keys::Column::KeyVersion)
}

fn with_erasures(keys: Select<crypto_keys::Entity>) -> SelectTwo<crypto_keys::Entity, erasures::Entity> {
    keys.join(JoinType::LeftJoin, to_erasures())
        .select_also(erasures::Entity)
}

fn to_erasures() -> RelationDef {
    crypto_keys::Entity::belongs_to(erasures::Entity)
        .from((
            crypto_keys::Column::OrganizationId,
            crypto_keys::Column::SubjectId,
        ))
        .to((erasures::Column::OrganizationId, erasures::Column::SubjectId))
        .into()
}

fn with_rows(
    keyring: &Keyring,
    mut keys: SubjectKeys,
    missing: Vec<KeyId>,
    rows: Rows,
) -> Result<SubjectKeys, PortError> {
    let mut by_id: HashMap<Uuid, crypto_keys::Model> =
        rows.keys.into_iter().map(|row| (row.id, row)).collect();
    for id in missing {
        let Some(row) = by_id.remove(&id.as_uuid()) else {
            keys.add_lost(id);
            continue;
        };
        let Some(subject) = row.subject_id else {
            // The key of a table that this process has not loaded yet: loading it is the store's retry policy.
            continue;
        };
        let erased = rows.erased.contains(&(row.organization_id, subject));
        match holder_of(keyring, &record(row)?, erased)? {
            Holder::Key(key) => keys.add(key),
            Holder::Erased | Holder::Stranger => keys.add_erased(id),
        }
    }
    Ok(keys)
}

/// The key in a row, unless it or its person was erased. What was put back is not even unwrapped: the ring would remember it.
fn holder_of(keyring: &Keyring, record: &KeyRecord, erased: bool) -> Result<Holder, PortError> {
    if erased && record.state != KeyState::Destroyed {
        tracing::error!(
            purpose = %record.purpose, key = %record.id,
            "the key of an erased person was put back into the registry; it is not used"
        );
        return Ok(Holder::Erased);
    }
    match keyring.subject_key(record) {
        Ok(key) => Ok(Holder::Key(key)),
        Err(error) if is_erased(&error) => Ok(Holder::Erased),
        Err(error) => Err(error.into_port("subject.key")),
    }
}

fn is_erased(error: &LoadError) -> bool {
    matches!(
        error,
        LoadError::Wrapping {
            source: CryptoError::Erased,
            ..
        }
    )
}
