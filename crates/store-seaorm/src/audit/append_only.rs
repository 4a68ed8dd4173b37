//! The evidence behind AU-9: the database itself refuses to change an audit record.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbErr};
use vutf_compliance::{AppendOnlyProbe, ProbeOutcome};
use vutf_kernel::{Actor, Ctx, Env, Event, OrganizationId, Outcome, PortError, RequestId, Resource};

use crate::{SeaStore, Technology, error::port};

/// Tries to change an audit record with the service's own credentials, in a transaction that is rolled back.
pub struct SeaAppendOnlyProbe {
    store: SeaStore,
}

impl SeaAppendOnlyProbe {
    /// Over `store`.
    pub fn new(store: SeaStore) -> Self {
        Self { store }
    }

    async fn attempt(&self, sql: impl FnOnce(&str) -> String) -> Result<ProbeOutcome, PortError> {
        let mut tx = self.store.begin_tx().await?;
        // A row trigger fires only on a row that is touched: put one there, and take it back with the rollback.
        let ambient = &self.store.inner.ambient;
        let mut entropy = ambient.entropy();
        let mut env = Env {
            clock: ambient.clock(),
            entropy: &mut *entropy,
        };
        let request = RequestId::from_uuid(vutf_kernel::EventId::generate(env.clock, env.entropy).as_uuid());
        let actor = Actor::System {
            job: "append-only-probe".into(),
        };
        let ctx = Ctx::internal(OrganizationId::DEFAULT, actor, request);
        let event = Event::new(
            &ctx,
            &mut env,
            "audit.probe",
            Resource::kind("audit_log"),
            Outcome::Success,
        );
        // Nothing but the row of its own is touched, should there be no trigger.
        let own = match self.store.technology() {
            Technology::Postgres => format!("id = '{}'", event.id.as_uuid()),
            Technology::Sqlite => format!("id = X'{}'", event.id.as_uuid().simple()),
        };
        tx.append_to_be_undone(event).await?;
        let outcome = match tx.db.execute_unprepared(&sql(&own)).await {
            Ok(done) => ProbeOutcome::Accepted {
                rows: done.rows_affected(),
            },
            // Any other failure says nothing about what the database refuses.
            Err(error @ (DbErr::Exec(_) | DbErr::Query(_))) if is_refusal(&error) => ProbeOutcome::Refused {
                message: error.to_string(),
            },
            Err(error) => return Err(port("audit.probe")(error)),
        };
        tx.db.rollback().await.map_err(port("audit.probe_rollback"))?;
        Ok(outcome)
    }
}

/// What the triggers raise, and what PostgreSQL says to a role that lacks the right.
fn is_refusal(error: &DbErr) -> bool {
    let message = error.to_string();
    ["append-only", "permission denied"]
        .iter()
        .any(|words| message.contains(words))
}

#[async_trait]
impl AppendOnlyProbe for SeaAppendOnlyProbe {
    async fn try_update(&self) -> Result<ProbeOutcome, PortError> {
        self.attempt(|own| format!("UPDATE audit_intake SET action = 'x' WHERE {own}"))
            .await
    }

    async fn try_delete(&self) -> Result<ProbeOutcome, PortError> {
        self.attempt(|own| format!("DELETE FROM audit_intake WHERE {own}"))
            .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vutf_crypto_keys::Keyring;
    use vutf_kernel::{Ambient, Secret};
    use vutf_testkit::sqlite::SqliteFile;

    use super::*;
    use crate::StoreOptions;

    #[tokio::test]
    async fn on_the_service_s_own_sqlite_connection_not_even_a_replace_deletes() {
        let file = SqliteFile::create().unwrap();
        let options = StoreOptions::new(Secret::new(file.url()));
        let store = SeaStore::connect(&options, Arc::new(Keyring::new()), Ambient::system())
            .await
            .unwrap();
        store.migrate_up().await.unwrap();
        let probe = SeaAppendOnlyProbe::new(store);
        let replace = |own: &str| format!("REPLACE INTO audit_intake SELECT * FROM audit_intake WHERE {own}");
        let outcome = probe.attempt(replace).await.unwrap();
        assert!(
            matches!(&outcome, ProbeOutcome::Refused { message } if message.contains("append-only")),
            "{outcome:?}"
        );
        let broken = probe.attempt(|own| format!("DELETE FROM no_such_table WHERE {own}"));
        assert!(broken.await.is_err(), "a statement that fails is no refusal");
    }
}
