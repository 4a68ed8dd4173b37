//! Certificates of erasures, and who can be read although one of them says otherwise.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait as _, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, Statement,
};
use vutf_app::erasure::{Certificate, ErasureReader, ErasureRepo, ErasureTx};
use vutf_crypto_keys::{KeyRecord, KeyState, Purpose};
use vutf_kernel::{EventId, OrganizationId, PortError, UserId};

use crate::{
    SeaStore,
    entity::{crypto_keys, erasures, users},
    error::port,
    row::corrupt,
    tx::Tx,
};

/// Ids in one query: far below the parameters that SQLite allows.
const IDS: usize = 500;
/// Beside the other advisory locks of this program.
const LOCK: &[u8] = b"vutf/lock/erasure";

impl ErasureTx for Tx {
    fn erasures(&mut self) -> &mut dyn ErasureRepo {
        self
    }
}

#[async_trait]
impl ErasureRepo for Tx {
    async fn keys_of(
        &mut self,
        organization: OrganizationId,
        subject: UserId,
    ) -> Result<Vec<KeyRecord>, PortError> {
        self.subject_records(organization, subject).await
    }

    async fn certificate(
        &mut self,
        organization: OrganizationId,
        subject: UserId,
    ) -> Result<Option<Certificate>, PortError> {
        let found = newest(organization, subject)
            .one(&self.db)
            .await
            .map_err(port("erasures.find"))?;
        found.map(|row| certificate(&row)).transpose()
    }

    async fn note(&mut self, certificate: &Certificate) -> Result<(), PortError> {
        let text =
            serde_json::to_string(certificate).map_err(|error| PortError::other("erasures.write", error))?;
        let row = erasures::ActiveModel {
            id: Set(certificate.event_id.as_uuid()),
            organization_id: Set(certificate.organization_id.as_uuid()),
            subject_id: Set(certificate.subject_id.as_uuid()),
            erased_at: Set(certificate.erased_at.as_micros()),
            certificate: Set(text),
        };
        erasures::Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("erasures.insert"))
    }

    async fn lock(&mut self, organization: OrganizationId, subject: UserId) -> Result<(), PortError> {
        let name = [LOCK, organization.as_bytes(), subject.as_bytes()].concat();
        self.lock_name(&name).await
    }
}

impl Tx {
    /// Lets one transaction at a time pass for `name`, until it ends.
    pub(crate) async fn lock_name(&self, name: &[u8]) -> Result<(), PortError> {
        // SQLite has one writer: whoever holds a transaction holds this lock already.
        if self.backend != DbBackend::Postgres {
            return Ok(());
        }
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 0))";
        let statement = Statement::from_sql_and_values(self.backend, sql, [name.into()]);
        self.db
            .query_one_raw(statement)
            .await
            .map(|_| ())
            .map_err(port("transaction.lock"))
    }
}

#[async_trait]
impl ErasureReader for SeaStore {
    async fn alive(
        &self,
        persons: &[(OrganizationId, UserId)],
    ) -> Result<Vec<(OrganizationId, UserId)>, PortError> {
        let mut alive = Vec::new();
        for chunk in persons.chunks(IDS) {
            let ids: Vec<_> = chunk.iter().map(|(_, subject)| subject.as_uuid()).collect();
            let tenants: BTreeSet<_> = chunk.iter().map(|(tenant, _)| tenant.as_uuid()).collect();
            // By tenant and purpose, which have an index; `subject_id` says the same.
            let purposes = chunk
                .iter()
                .map(|(_, subject)| Purpose::subject(*subject).to_string());
            let with_key = crypto_keys::Entity::find()
                .select_only()
                .columns([
                    crypto_keys::Column::OrganizationId,
                    crypto_keys::Column::SubjectId,
                ])
                .filter(crypto_keys::Column::OrganizationId.is_in(tenants))
                .filter(crypto_keys::Column::Purpose.is_in(purposes))
                .filter(crypto_keys::Column::State.ne(KeyState::Destroyed.as_str()))
                .into_tuple();
            let with_row = users::Entity::find()
                .select_only()
                .columns([users::Column::OrganizationId, users::Column::Id])
                .filter(users::Column::Id.is_in(ids))
                .filter(users::Column::ErasedAt.is_null())
                .into_tuple();
            let mut found: Vec<(uuid::Uuid, uuid::Uuid)> =
                self.read("erasures.keys_alive", |db| with_key.all(db)).await?;
            found.extend::<Vec<(uuid::Uuid, uuid::Uuid)>>(
                self.read("erasures.rows_alive", |db| with_row.all(db)).await?,
            );
            alive.extend(
                chunk
                    .iter()
                    .filter(|(tenant, id)| found.contains(&(tenant.as_uuid(), id.as_uuid()))),
            );
        }
        Ok(alive)
    }

    async fn certificate_of(
        &self,
        organization: OrganizationId,
        subject: UserId,
    ) -> Result<Option<Certificate>, PortError> {
        let newest = newest(organization, subject);
        let found = self.read("erasures.look", |db| newest.one(db)).await?;
        found.map(|row| certificate(&row)).transpose()
    }

    async fn certificates(&self, after: Option<EventId>, limit: u32) -> Result<Vec<Certificate>, PortError> {
        let mut page = erasures::Entity::find()
            .order_by_asc(erasures::Column::Id)
            .limit(u64::from(limit));
        if let Some(after) = after {
            page = page.filter(erasures::Column::Id.gt(after.as_uuid()));
        }
        let rows = self.read("erasures.list", |db| page.all(db)).await?;
        rows.iter().map(certificate).collect()
    }
}

fn newest(organization: OrganizationId, subject: UserId) -> Select<erasures::Entity> {
    erasures::Entity::find()
        .filter(erasures::Column::OrganizationId.eq(organization.as_uuid()))
        .filter(erasures::Column::SubjectId.eq(subject.as_uuid()))
        .order_by_desc(erasures::Column::Id)
}

/// What the row says twice must be the same: the columns are what it is found and ordered by.
fn certificate(row: &erasures::Model) -> Result<Certificate, PortError> {
    let read = serde_json::from_str::<Certificate>(&row.certificate);
    let certificate = read.map_err(|problem| corrupt("erasures", "certificate", row.id, problem))?;
    let told = (
        certificate.event_id.as_uuid(),
        certificate.organization_id.as_uuid(),
        certificate.subject_id.as_uuid(),
    );
    if told == (row.id, row.organization_id, row.subject_id) {
        Ok(certificate)
    } else {
        Err(corrupt(
            "erasures",
            "certificate",
            row.id,
            "it is about something else than its row",
        ))
    }
}
