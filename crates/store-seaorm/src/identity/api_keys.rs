//! API keys. What lets a request through is under the row's MAC; names and addresses are sealed under the owner's own key.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseConnection, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect, Statement,
};
use uuid::Uuid;
use vutf_crypto_keys::{Keyring, SubjectKeys};
use vutf_identity::{
    UserStatus,
    api_key::{ApiKey, ApiKeyRepo, ApiKeyStatus, Lookup, Network, repo::KeyUse},
    refresh::TokenHash,
};
use vutf_kernel::{
    ApiKeyId, Entropy, Fault, Grants, OrganizationId, Page, PageRequest, Permission, PortError, Secret,
    Timestamp, UserId,
};

use super::{micros, person, set_stamps, stamps_of, status};
use crate::{
    SeaStore,
    encrypted::{Encrypted, Networks, Origin},
    entity::{
        api_keys::{ActiveModel, Column, Entity, Model},
        users,
    },
    error::port,
    row::{array, corrupt},
    row_mac::{ApiKeyRow, Authenticated as _, Standing},
    sealed::{Place, Under},
    subjects::Holder,
    tx::Tx,
};

/// Far more keys of one owner than may live at once, whatever the settings say.
const LIVE: u64 = 1_000;

/// `$1` is understood by both databases.
const OWNER: &str = "SELECT organization_id, id, kind, version, status, epoch, email_verified_at, deleted_at, erased_at, pii_mac, \
     row_mac FROM users WHERE id = $1";

#[async_trait]
impl ApiKeyRepo for Tx {
    async fn lock_owner(&mut self, organization: OrganizationId, owner: UserId) -> Result<(), PortError> {
        // SQLite has one writer, and no such clause: there this reads a row.
        users::Entity::find_by_id(owner.as_uuid())
            .select_only()
            .column(users::Column::Id)
            .filter(users::Column::OrganizationId.eq(organization.as_uuid()))
            .lock_exclusive()
            .into_tuple::<Uuid>()
            .one(&self.db)
            .await
            .map(|_| ())
            .map_err(port("api_keys.lock_owner"))
    }

    async fn insert(&mut self, key: &ApiKey) -> Result<(), PortError> {
        let holder = self.holder(key.organization_id, key.user_id).await?;
        let row = row(key, &self.keyring, &holder, &mut *self.entropy)?;
        Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("api_keys.insert"))
    }

    async fn find(
        &mut self,
        organization: OrganizationId,
        id: ApiKeyId,
    ) -> Result<Option<ApiKey>, PortError> {
        let one = Column::Id.eq(id.as_uuid());
        self.one_key("api_keys.find", organization, one.into()).await
    }

    async fn predecessor(
        &mut self,
        organization: OrganizationId,
        id: ApiKeyId,
    ) -> Result<Option<ApiKey>, PortError> {
        let before = Column::SuccessorId.eq(id.as_uuid());
        self.one_key("api_keys.predecessor", organization, before.into())
            .await
    }

    async fn list(
        &mut self,
        organization: OrganizationId,
        owner: Option<UserId>,
        page: &PageRequest,
    ) -> Result<Page<ApiKey>, PortError> {
        let mut query = Entity::find()
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .order_by_asc(Column::Id)
            .limit(u64::from(page.limit) + 1);
        if let Some(owner) = owner {
            query = query.filter(Column::UserId.eq(owner.as_uuid()));
        }
        if let Some(after) = page.after {
            query = query.filter(Column::Id.gt(after));
        }
        let rows = query.all(&self.db).await.map_err(port("api_keys.list"))?;
        let page = Page::from_overfetch(rows, page.limit, |row| row.id);
        Ok(Page {
            items: self.api_keys_of(&page.items).await?,
            next: page.next,
        })
    }

    async fn live_of(
        &mut self,
        organization: OrganizationId,
        owner: UserId,
        now: Timestamp,
    ) -> Result<Vec<ApiKey>, PortError> {
        let rows = Entity::find()
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::UserId.eq(owner.as_uuid()))
            .filter(Column::RevokedAt.is_null())
            .filter(Column::ExpiresAt.gt(now.as_micros()))
            .order_by_asc(Column::Id)
            .limit(LIVE)
            .all(&self.db)
            .await
            .map_err(port("api_keys.live_of"))?;
        self.api_keys_of(&rows).await
    }

    async fn end(&mut self, key: &ApiKey) -> Result<(), PortError> {
        let change = ActiveModel {
            expires_at: Set(key.expires_at.as_micros()),
            revoked_at: micros(key.revoked_at),
            successor_id: Set(key.successor_id.map(|id| id.as_uuid())),
            row_mac: Set(Some(mac(&self.keyring, key)?)),
            updated_at: Set(key.stamps.updated_at.as_micros()),
            updated_by: person(key.stamps.updated_by),
            version: Set(key.stamps.version),
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(key.id.as_uuid()))
            .filter(Column::OrganizationId.eq(key.organization_id.as_uuid()))
            .filter(Column::Version.eq(key.stamps.version - 1))
            .exec(&self.db)
            .await
            .map_err(port("api_keys.end"))?;
        if done.rows_affected == 1 {
            Ok(())
        } else {
            Err(PortError::new(
                "api_keys.end",
                Fault::Stale,
                "the key has another version",
            ))
        }
    }

    async fn note_use(&mut self, used: &KeyUse, unless_since: Timestamp) -> Result<bool, PortError> {
        let holder = self.holder(used.organization_id, used.user_id).await?;
        let place = Place::of::<Entity>(
            &self.keyring,
            used.organization_id,
            used.key_id.as_uuid(),
            used.user_id,
        );
        let ip = match (&holder, &used.ip) {
            (Holder::Key(key), Some(ip)) => {
                let origin = Origin(ip.expose().clone());
                Some(place.seal(
                    Column::LastUsedIpCt,
                    &origin,
                    Under::Person(key),
                    &mut *self.entropy,
                )?)
            }
            // Under no other key: it could not be erased.
            (Holder::Erased | Holder::Stranger, _) | (_, None) => None,
        };
        let change = ActiveModel {
            last_used_at: micros(Some(used.at)),
            last_used_ip_ct: Set(ip),
            ..Default::default()
        };
        let due = Condition::any()
            .add(Column::LastUsedAt.is_null())
            .add(Column::LastUsedAt.lte(unless_since.as_micros()));
        let done = Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(used.key_id.as_uuid()))
            .filter(Column::OrganizationId.eq(used.organization_id.as_uuid()))
            .filter(due)
            .exec(&self.db)
            .await
            .map_err(port("api_keys.note_use"))?;
        Ok(done.rows_affected == 1)
    }

    async fn remove_of(&mut self, organization: OrganizationId, owner: UserId) -> Result<u64, PortError> {
        Entity::delete_many()
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::UserId.eq(owner.as_uuid()))
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("api_keys.remove"))
    }
}

impl Tx {
    async fn one_key(
        &self,
        op: &'static str,
        organization: OrganizationId,
        which: Condition,
    ) -> Result<Option<ApiKey>, PortError> {
        let found = Entity::find()
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(which)
            .one(&self.db)
            .await
            .map_err(port(op))?;
        Ok(self.api_keys_of(found.as_slice()).await?.pop())
    }

    /// The API keys in `rows`, with one query for their owners' keys at most. Those of somebody who was erased, which stand here
    /// because older data was restored, are left out.
    async fn api_keys_of(&self, rows: &[Model]) -> Result<Vec<ApiKey>, PortError> {
        let keys = self
            .subject_keys(rows.iter().flat_map(ciphertexts).collect())
            .await?;
        let found = rows.iter().map(|row| api_key(row, &self.keyring, &keys));
        found.filter_map(Result::transpose).collect()
    }
}

#[derive(FromQueryResult)]
struct OwnerRow {
    organization_id: Uuid,
    id: Uuid,
    kind: String,
    version: i64,
    status: String,
    epoch: i64,
    email_verified_at: Option<i64>,
    deleted_at: Option<i64>,
    erased_at: Option<i64>,
    pii_mac: Option<Vec<u8>>,
    row_mac: Option<Vec<u8>>,
}

impl OwnerRow {
    fn standing(&self) -> Standing<'_> {
        Standing {
            organization: self.organization_id,
            id: self.id,
            kind: &self.kind,
            version: self.version,
            status: &self.status,
            epoch: self.epoch,
            email_verified_at: self.email_verified_at,
            deleted_at: self.deleted_at,
            erased_at: self.erased_at,
            pii_mac: self.pii_mac.as_deref(),
        }
    }
}

impl SeaStore {
    /// Outside a transaction: the key by its lookup, its owner and their roles.
    pub(super) async fn key_status(&self, lookup: Lookup) -> Result<Option<ApiKeyStatus>, PortError> {
        let found = self
            .read("api_keys.status", async |db: &DatabaseConnection| {
                let key = Entity::find().filter(Column::Lookup.eq(lookup.as_str()));
                let Some(key) = key.one(db).await? else {
                    return Ok(None);
                };
                let owner = Statement::from_sql_and_values(self.backend(), OWNER, [key.user_id.into()]);
                let Some(owner) = OwnerRow::find_by_statement(owner).one(db).await? else {
                    return Ok(None);
                };
                let roles = status::roles_of(db, self.backend(), key.user_id).await?;
                Ok(Some((key, owner, roles)))
            })
            .await?;
        let Some((row, owner, roles)) = found else {
            return Ok(None);
        };
        // What lets a request through must be what this service wrote.
        let keyring = &self.inner.keyring;
        owner.standing().verify(keyring, owner.row_mac.as_deref())?;
        let keys = self.keys_named_by(ciphertexts(&row).collect()).await?;
        let Some(key) = api_key(&row, keyring, &keys)? else {
            return Ok(None);
        };
        let owner_status = UserStatus::parse(&owner.status)
            .ok_or_else(|| corrupt("users", "status", owner.id, "not a known status"))?;
        Ok(Some(ApiKeyStatus {
            lookup: key.lookup,
            id: key.id,
            organization_id: key.organization_id,
            user_id: key.user_id,
            secret: key.secret,
            scopes: key.scopes,
            networks: key.networks,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            owner_status,
            owner_deleted: owner.deleted_at.is_some(),
            roles: roles.into_iter().map(|row| row.role).collect(),
        }))
    }
}

fn ciphertexts(row: &Model) -> impl Iterator<Item = &[u8]> {
    let optional = [
        row.networks_ct.as_ref().map(Encrypted::as_bytes),
        row.last_used_ip_ct.as_ref().map(Encrypted::as_bytes),
    ];
    [row.name_ct.as_bytes()]
        .into_iter()
        .chain(optional.into_iter().flatten())
}

fn place<'a>(keyring: &'a Keyring, key: &ApiKey) -> Place<'a> {
    Place::of::<Entity>(keyring, key.organization_id, key.id.as_uuid(), key.user_id)
}

fn networks(key: &ApiKey) -> Option<Networks> {
    let texts: Vec<String> = key.networks.iter().map(Network::to_string).collect();
    (!texts.is_empty()).then(|| Networks(texts.join(" ")))
}

fn scopes(key: &ApiKey) -> String {
    let names: Vec<&str> = key.scopes.iter().map(Permission::as_str).collect();
    names.join(" ")
}

fn mac(keyring: &Keyring, key: &ApiKey) -> Result<Vec<u8>, PortError> {
    let (scopes, networks) = (scopes(key), networks(key));
    authenticated(key, &scopes, networks.as_ref()).mac(keyring)
}

fn authenticated<'a>(key: &'a ApiKey, scopes: &'a str, networks: Option<&'a Networks>) -> ApiKeyRow<'a> {
    ApiKeyRow {
        organization: key.organization_id.as_uuid(),
        id: key.id.as_uuid(),
        user: key.user_id.as_uuid(),
        lookup: key.lookup.as_str(),
        secret: &key.secret.0,
        scopes,
        networks: networks.map(|Networks(text)| text.as_str()),
        expires_at: key.expires_at.as_micros(),
        revoked_at: key.revoked_at.map(Timestamp::as_micros),
        successor: key.successor_id.map(|id| id.as_uuid()),
        version: key.stamps.version,
    }
}

fn row(
    key: &ApiKey,
    keyring: &Keyring,
    holder: &Holder,
    entropy: &mut dyn Entropy,
) -> Result<ActiveModel, PortError> {
    let Holder::Key(subject) = holder else {
        let cause = "the owner has no key of their own";
        return Err(PortError::new("api_keys.seal", Fault::Stale, cause));
    };
    let (place, under) = (place(keyring, key), Under::Person(subject));
    let mut row = ActiveModel {
        id: Set(key.id.as_uuid()),
        organization_id: Set(key.organization_id.as_uuid()),
        user_id: Set(key.user_id.as_uuid()),
        lookup: Set(key.lookup.as_str().to_owned()),
        secret_hash: Set(key.secret.0.to_vec()),
        name_ct: Set(place.seal(Column::NameCt, &key.name, under, entropy)?),
        scopes: Set(scopes(key)),
        networks_ct: Set(place.seal_optional(Column::NetworksCt, networks(key).as_ref(), under, entropy)?),
        expires_at: Set(key.expires_at.as_micros()),
        revoked_at: micros(key.revoked_at),
        successor_id: Set(key.successor_id.map(|id| id.as_uuid())),
        last_used_at: micros(key.last_used_at),
        last_used_ip_ct: Set(None),
        row_mac: Set(Some(mac(keyring, key)?)),
        ..Default::default()
    };
    set_stamps!(row, &key.stamps);
    Ok(row)
}

/// The key; `None` when its owner's key was destroyed.
fn api_key(row: &Model, keyring: &Keyring, keys: &SubjectKeys) -> Result<Option<ApiKey>, PortError> {
    let wrong = |column, problem: &'static str| corrupt("api_keys", column, row.id, problem);
    let organization = OrganizationId::from_uuid(row.organization_id);
    let user_id = UserId::from_uuid(row.user_id);
    let place = Place::of::<Entity>(keyring, organization, row.id, user_id);
    let Some(name) = place.open(Column::NameCt, keys, &row.name_ct)? else {
        return Ok(None);
    };
    let networks = place.open_optional(Column::NetworksCt, keys, row.networks_ct.as_ref())?;
    let texts = networks.as_ref().map_or("", |Networks(text)| text.as_str());
    let parsed = texts
        .split_whitespace()
        .map(Network::parse)
        .collect::<Result<Vec<_>, _>>();
    let used_from = place.open_optional(Column::LastUsedIpCt, keys, row.last_used_ip_ct.as_ref())?;
    let names = row.scopes.split_whitespace();
    let key = ApiKey {
        id: ApiKeyId::from_uuid(row.id),
        organization_id: organization,
        user_id,
        lookup: Lookup::parse(&row.lookup).ok_or_else(|| wrong("lookup", "not a lookup"))?,
        secret: TokenHash(array("api_keys", "secret_hash", row.id, &row.secret_hash)?),
        name,
        scopes: names
            .map(|name| Permission::parse(name.to_owned()))
            .collect::<Grants>(),
        networks: parsed.map_err(|_| wrong("networks_ct", "not networks"))?,
        expires_at: Timestamp::from_micros(row.expires_at),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
        successor_id: row.successor_id.map(ApiKeyId::from_uuid),
        last_used_at: row.last_used_at.map(Timestamp::from_micros),
        last_used_ip: used_from.map(|Origin(text)| Secret::new(text)),
        stamps: stamps_of!(row),
    };
    authenticated(&key, &row.scopes, networks.as_ref()).verify(keyring, row.row_mac.as_deref())?;
    Ok(Some(key))
}
