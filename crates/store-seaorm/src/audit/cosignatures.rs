//! What witnesses cosigned. Rows are added and never changed.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict,
};
use vutf_audit::tlog::{
    KeyName, VerifierKey,
    publish::{Cosignatures, KeptCosignature},
};
use vutf_kernel::{PortError, Timestamp};

use crate::{
    SeaStore,
    entity::audit_cosignature::{ActiveModel, Column, Entity, Model},
    row::corrupt,
};

#[async_trait]
impl Cosignatures for SeaStore {
    async fn keep(&self, cosignature: &KeptCosignature) -> Result<(), PortError> {
        let row = ActiveModel {
            size: Set(stored_size(cosignature.size)?),
            witness: Set(cosignature.witness.to_string()),
            key_id: Set(cosignature.key_id.into()),
            note: Set(cosignature.note.clone()),
            line: Set(cosignature.line.clone()),
            cosigned_at: Set(cosignature.cosigned_at.as_micros()),
        };
        let place = OnConflict::columns([Column::Size, Column::Witness, Column::KeyId])
            .do_nothing()
            .to_owned();
        let insert = Entity::insert(row).on_conflict(place);
        self.write("cosignatures.keep", |db| insert.exec_without_returning(db))
            .await
            .map(|_| ())
    }

    async fn of_size(&self, size: u64) -> Result<Vec<KeptCosignature>, PortError> {
        let query = Entity::find()
            .filter(Column::Size.eq(stored_size(size)?))
            .order_by_asc(Column::Witness)
            .order_by_asc(Column::KeyId);
        let rows = self.read("cosignatures.of_size", |db| query.all(db)).await?;
        rows.iter().map(kept).collect()
    }

    async fn last_of(&self, witness: &VerifierKey) -> Result<Option<KeptCosignature>, PortError> {
        let query = Entity::find()
            .filter(Column::Witness.eq(witness.name().as_str()))
            .filter(Column::KeyId.eq(i64::from(witness.id())))
            .order_by_desc(Column::Size);
        let row = self.read("cosignatures.last", |db| query.one(db)).await?;
        row.as_ref().map(kept).transpose()
    }

    async fn newest(&self, limit: u32) -> Result<Vec<KeptCosignature>, PortError> {
        let query = Entity::find()
            .order_by_desc(Column::Size)
            .order_by_asc(Column::Witness)
            .order_by_asc(Column::KeyId)
            .limit(u64::from(limit));
        let rows = self.read("cosignatures.newest", |db| query.all(db)).await?;
        rows.iter().map(kept).collect()
    }
}

fn stored_size(size: u64) -> Result<i64, PortError> {
    i64::try_from(size).map_err(|error| PortError::other("cosignatures.size", error))
}

fn kept(row: &Model) -> Result<KeptCosignature, PortError> {
    let wrong = |column, problem: &str| corrupt("audit_cosignature", column, row.size, problem);
    Ok(KeptCosignature {
        size: u64::try_from(row.size).map_err(|_| wrong("size", "it is negative"))?,
        witness: KeyName::parse(&row.witness).ok_or_else(|| wrong("witness", "no key can be named so"))?,
        key_id: u32::try_from(row.key_id).map_err(|_| wrong("key_id", "it has more than 32 bits"))?,
        note: row.note.clone(),
        line: row.line.clone(),
        cosigned_at: Timestamp::from_micros(row.cosigned_at),
    })
}
