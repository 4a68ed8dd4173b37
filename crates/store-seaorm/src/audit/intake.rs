//! Events enter the log in the transaction of what they tell.

use async_trait::async_trait;
use sea_orm::{ActiveValue::Set, EntityTrait};
use vutf_audit::Intake;
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
        self.append_all(vec![event]).await
    }

    async fn append_all(&mut self, events: Vec<Event>) -> Result<(), PortError> {
        let mut intakes = Vec::with_capacity(events.len());
        for event in events {
            intakes.push(self.prepare(event)?);
        }
        self.insert(&intakes).await
    }
}

impl Tx {
    /// The event as it is stored: its private parts sealed.
    fn prepare(&mut self, event: Event) -> Result<Intake, PortError> {
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
        vutf_audit::prepare(event, &mut *self.entropy, |name, value| {
            place.seal(name, value.expose(), &mut nonces)
        })
    }

    async fn insert(&self, intakes: &[Intake]) -> Result<(), PortError> {
        for rows in powers_of_two(intakes) {
            audit_intake::Entity::insert_many(rows.iter().map(intake_row))
                .exec_without_returning(&self.db)
                .await
                .map_err(port("audit.append"))?;
        }
        let references: Vec<_> = intakes.iter().flat_map(references).collect();
        for rows in powers_of_two(&references) {
            audit_subject_ref::Entity::insert_many(rows.iter().cloned())
                .exec_without_returning(&self.db)
                .await
                .map_err(port("audit.append_subjects"))?;
        }
        Ok(())
    }
}

fn references(intake: &Intake) -> impl Iterator<Item = audit_subject_ref::ActiveModel> {
    intake
        .subjects
        .iter()
        .map(|subject| audit_subject_ref::ActiveModel {
            event_id: Set(intake.id.as_uuid()),
            subject_id: Set(subject.as_uuid()),
            organization_id: Set(intake.organization_id.as_uuid()),
        })
}

/// Rows in one INSERT at most: 14 parameters each, far below the 32,766 that SQLite and the 65,535 that PostgreSQL allow.
const MOST_ROWS: usize = 256;

/// Cuts `rows` into pieces of 256, …, 4, 2, 1: few statements, so that each connection keeps all of them prepared.
fn powers_of_two<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = 1_usize << rows.len().min(MOST_ROWS).checked_ilog2()?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_into_few_sizes_and_none_is_lost() {
        let rows: Vec<u16> = (0..1_000).collect();
        for count in 0..rows.len() {
            let pieces: Vec<_> = powers_of_two(&rows[..count]).collect();
            assert_eq!(pieces.concat(), rows[..count]);
            assert!(
                pieces
                    .iter()
                    .all(|piece| piece.len().is_power_of_two() && piece.len() <= MOST_ROWS)
            );
            assert!(pieces.len() <= count / MOST_ROWS + 8, "{count}");
        }
    }
}
