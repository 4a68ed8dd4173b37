//! Keys of single persons: made with the person, loaded with the rows that name them, one query for all rows at most.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationDef,
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
            let mut newest: BTreeMap<UserId, KeyRecord> = BTreeMap::new();
            for record in self.records_of(organization, &subjects).await? {
                let Some(subject) = record.purpose.subject_id() else {
                    continue;
                };
                let active = |known: &KeyRecord| known.state == KeyState::Active;
                if record.state == KeyState::Active || !newest.get(&subject).is_some_and(active) {
                    newest.insert(subject, record);
                }
            }
            for (subject, record) in newest {
                let holder = match self.keyring.subject_key(&record) {
                    Ok(key) => Holder::Key(key),
                    Err(error) if is_erased(&error) => Holder::Erased,
                    Err(error) => return Err(error.into_port("subject.key")),
                };
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
        self.records_of(organization, &[subject]).await
    }

    async fn records_of(
        &self,
        organization: OrganizationId,
        subjects: &[UserId],
    ) -> Result<Vec<KeyRecord>, PortError> {
        // By the purpose, which has an index; `subject_id` says the same.
        let purposes = subjects
            .iter()
            .map(|subject| Purpose::subject(*subject).to_string());
        let rows = crypto_keys::Entity::find()
            .filter(crypto_keys::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(crypto_keys::Column::Purpose.is_in(purposes))
            .order_by_asc(crypto_keys::Column::KeyVersion)
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
struct Rows {
    keys: Vec<crypto_keys::Model>,
    erased: HashSet<(Uuid, Uuid)>,
}

async fn rows_of<C: ConnectionTrait>(db: &C, ids: &[KeyId]) -> Result<Rows, DbErr> {
    let mut rows = Rows {
        keys: Vec::with_capacity(ids.len()),
        erased: HashSet::new(),
    };
    for chunk in ids.chunks(IDS) {
        let ids: Vec<Uuid> = chunk.iter().map(KeyId::as_uuid).collect();
        let found = crypto_keys::Entity::find()
            .join(JoinType::LeftJoin, to_erasures())
            .select_also(erasures::Entity)
            .filter(crypto_keys::Column::Id.is_in(ids))
            .all(db)
            .await?;
        for (key, erasure) in found {
            if let Some(erasure) = erasure {
                rows.erased.insert((erasure.organization_id, erasure.subject_id));
            }
            rows.keys.push(key);
        }
    }
    Ok(rows)
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
        let put_back = rows.erased.contains(&(row.organization_id, subject)) && row.state != "destroyed";
        if put_back {
            tracing::error!(%subject, key = %id, "the key of an erased person was put back into the registry; it is not used");
            keys.add_erased(id);
            continue;
        }
        match keyring.subject_key(&record(row)?) {
            Ok(key) => keys.add(key),
            Err(error) if is_erased(&error) => keys.add_erased(id),
            Err(error) => return Err(error.into_port("subject.key")),
        }
    }
    Ok(keys)
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
