//! Events enter the log in the transaction of what they tell.

use async_trait::async_trait;
use sea_orm::{ActiveValue::Set, EntityTrait};
use vutf_kernel::{Event, EventSink, PortError};

use super::intake_row;
use crate::{
    entity::{audit_intake, audit_subject_ref},
    error::port,
    sealed::SealedRow,
    tx::Tx,
};

#[async_trait]
impl EventSink for Tx {
    async fn append(&mut self, event: Event) -> Result<(), PortError> {
        let keyring = std::sync::Arc::clone(&self.keyring);
        let place = SealedRow {
            keyring: &keyring,
            organization: event.organization_id,
            table: "audit_intake",
            row: event.id.as_uuid(),
            subject: event.actor.user_id(),
        };
        // Salts and nonces come from two sources, since each closure may borrow only one.
        let mut nonces = vutf_kernel::OsEntropy;
        let intake = vutf_audit::prepare(event, &mut *self.entropy, |name, value| {
            place.seal(name, value.expose(), &mut nonces)
        })?;
        audit_intake::Entity::insert(intake_row(&intake))
            .exec_without_returning(&self.db)
            .await
            .map_err(port("audit.append"))?;
        if intake.subjects.is_empty() {
            return Ok(());
        }
        let references = intake
            .subjects
            .iter()
            .map(|subject| audit_subject_ref::ActiveModel {
                event_id: Set(intake.id.as_uuid()),
                subject_id: Set(subject.as_uuid()),
                organization_id: Set(intake.organization_id.as_uuid()),
            });
        audit_subject_ref::Entity::insert_many(references)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("audit.append_subjects"))
    }
}
