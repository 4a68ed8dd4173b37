//! The private parts of an event, for whoever may see them.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use vutf_audit::decode_parts;
use vutf_kernel::{EventId, OrganizationId, PortError, Secret, UserId};

use super::intake::place;
use crate::{SeaStore, entity::audit_intake, row::corrupt};

/// A private part of an event.
#[derive(Clone, Debug)]
pub enum PrivatePart {
    /// What it says.
    Readable(Secret<String>),
    /// The person who acted was erased.
    Erased,
}

impl SeaStore {
    /// The private parts of an event of a tenant, by name; `None` when there is no such event. Whoever shows them records it
    /// first.
    pub async fn private_parts(
        &self,
        organization: OrganizationId,
        event: EventId,
    ) -> Result<Option<Vec<(String, PrivatePart)>>, PortError> {
        let query = audit_intake::Entity::find()
            .filter(audit_intake::Column::Id.eq(event.as_uuid()))
            .filter(audit_intake::Column::OrganizationId.eq(organization.as_uuid()));
        let Some(row) = self.read("audit.parts", |db| query.one(db)).await? else {
            return Ok(None);
        };
        let parts =
            decode_parts(&row.parts).map_err(|problem| corrupt("audit_intake", "parts", row.id, problem))?;
        let ciphertexts = parts.iter().map(|part| part.ciphertext.as_slice()).collect();
        let keys = self.keys_named_by(ciphertexts).await?;
        let actor = row.actor_id.map(UserId::from_uuid);
        let place = place(&self.inner.keyring, organization, row.id, actor);
        let mut opened = Vec::with_capacity(parts.len());
        for part in parts {
            let text = place.open_text("parts", &part.name, &keys, &part.ciphertext)?;
            let shown = text.map_or(PrivatePart::Erased, |text| {
                PrivatePart::Readable(Secret::new(text))
            });
            opened.push((part.name, shown));
        }
        Ok(Some(opened))
    }
}
