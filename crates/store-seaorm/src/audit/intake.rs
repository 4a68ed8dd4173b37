//! Events enter the log in the transaction of what they tell.

use async_trait::async_trait;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbBackend, EntityTrait};
use uuid::Uuid;
use vutf_audit::{Intake, tlog::MAX_ENTRY};
use vutf_crypto_keys::Keyring;
use vutf_kernel::{Event, EventSink, Fault, OrganizationId, PortError, UserId};

use super::{bulk, intake_row};
use crate::{
    connection::Connection,
    entity::{audit_intake, audit_subject_ref},
    error::port,
    sealed::{Place, Under},
    subjects::Holder,
    tx::{Alone, Tx},
};

#[async_trait]
impl EventSink for Tx {
    async fn append(&mut self, event: Event) -> Result<(), PortError> {
        self.append_all(vec![event]).await
    }

    async fn append_all(&mut self, events: Vec<Event>) -> Result<(), PortError> {
        let actors = events
            .iter()
            .filter(|event| !event.private.is_empty())
            .filter_map(|event| Some((event.organization_id, event.actor.user_id()?)));
        let holders = self.holders(actors.collect()).await?;
        let mut intakes = Vec::with_capacity(events.len());
        for event in events {
            self.receipts.expect(&event);
            let actor = event.actor.user_id().map(|user| (event.organization_id, user));
            let holder = actor.and_then(|actor| holders.get(&actor));
            intakes.push(self.prepare(event, holder)?);
        }
        self.insert(&intakes).await?;
        self.appends = true;
        Ok(())
    }
}

impl Tx {
    /// The event as it is stored: its private parts sealed under the key of the person who acted, or under the table's when
    /// nobody knows who it was. Of somebody who was erased meanwhile nothing personal is stored.
    fn prepare(&mut self, mut event: Event, actor: Option<&Holder>) -> Result<Intake, PortError> {
        let under = match actor {
            Some(Holder::Key(key)) => Under::Person(key),
            Some(Holder::Stranger) | None => Under::Table,
            Some(Holder::Erased) => {
                event.private.clear();
                Under::Table
            }
        };
        let keyring = std::sync::Arc::clone(&self.keyring);
        let place = place(
            &keyring,
            event.organization_id,
            event.id.as_uuid(),
            event.actor.user_id(),
        );
        // Salts and nonces come from two sources, since each closure may borrow only one.
        let mut nonces = vutf_kernel::OsEntropy;
        let intake = vutf_audit::prepare(event, &mut *self.entropy, |name, value| {
            place.seal_text(name, value.expose(), under, &mut nonces)
        })?;
        if intake.body.len() > MAX_ENTRY {
            let length = intake.body.len();
            let problem = format!("{} of {length} bytes is too long for an entry", intake.action);
            return Err(PortError::new("audit.append", Fault::Other, problem));
        }
        Ok(intake)
    }

    async fn insert(&mut self, intakes: &[Intake]) -> Result<(), PortError> {
        let macs = self.vouch(intakes).await?;
        self.insert_with(intakes, macs).await
    }

    /// For an event of a transaction that is rolled back whatever happens: nobody has to vouch for it, and no key is needed.
    pub(super) async fn append_to_be_undone(&mut self, event: Event) -> Result<(), PortError> {
        let intake = self.prepare(event, None)?;
        self.insert_with(&[intake], vec![Vec::new()]).await
    }

    async fn insert_with(&mut self, intakes: &[Intake], macs: Vec<Vec<u8>>) -> Result<(), PortError> {
        if self.backend == DbBackend::Postgres {
            return self.insert_at_once(intakes, macs).await;
        }
        let rows: Vec<_> = intakes
            .iter()
            .zip(macs)
            .map(|(intake, mac)| intake_row(intake, mac))
            .collect();
        for rows in pieces(&rows) {
            audit_intake::Entity::insert_many(rows.iter().cloned())
                .exec_without_returning(&self.db)
                .await
                .map_err(port("audit.append"))?;
        }
        let references: Vec<_> = intakes.iter().flat_map(references).collect();
        for rows in pieces(&references) {
            audit_subject_ref::Entity::insert_many(rows.iter().cloned())
                .exec_without_returning(&self.db)
                .await
                .map_err(port("audit.append_subjects"))?;
        }
        Ok(())
    }

    async fn insert_at_once(&mut self, intakes: &[Intake], macs: Vec<Vec<u8>>) -> Result<(), PortError> {
        let statement = bulk::append(intakes, macs);
        if matches!(self.db, Connection::Alone(_)) {
            let is_done = bulk::are_there(intakes);
            if self.alone.replace(Alone { statement, is_done }).is_some() {
                let problem = "events were added twice to a unit of work of one statement";
                return Err(PortError::new("audit.append", Fault::Other, problem));
            }
            return Ok(());
        }
        let done = self.db.execute_raw(statement).await;
        done.map(|_rows| ()).map_err(port("audit.append"))
    }
}

/// What the private parts of an event are bound to.
pub(crate) fn place(
    keyring: &Keyring,
    organization: OrganizationId,
    event: Uuid,
    actor: Option<UserId>,
) -> Place<'_> {
    Place {
        keyring,
        organization,
        table: "audit_intake",
        row: event,
        subject: actor,
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

/// Rows in one INSERT of SQLite at most: 15 parameters each, far below the 32,766 that it allows.
const MOST_ROWS: usize = 256;

/// So many rows have a statement of their own number.
const FEW_ROWS: usize = 16;

/// Cuts `rows` into pieces of 256, …, 64, 32 and a last one of 16 or fewer: a small group is one statement, and there are so few
/// different ones that each connection keeps all of them prepared.
fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = match rows.len() {
            0 => return None,
            few @ 1..=FEW_ROWS => few,
            many => 1 << many.min(MOST_ROWS).ilog2(),
        };
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
            let pieces: Vec<_> = pieces(&rows[..count]).collect();
            assert_eq!(pieces.concat(), rows[..count]);
            let prepared = |size: usize| size <= FEW_ROWS || size.is_power_of_two() && size <= MOST_ROWS;
            assert!(pieces.iter().all(|piece| prepared(piece.len())));
            assert!(pieces.len() <= count / MOST_ROWS + 5, "{count}");
        }
    }
}
