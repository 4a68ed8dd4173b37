//! Since when a key-encryption key wraps. No provider tells it alike, and rows only say which key wraps them now; the audit log
//! says when each was first seen to wrap.

use std::{collections::BTreeMap, time::Duration};

use vutf_audit::{Body, LogReader, parse_body};
use vutf_crypto_keys::{
    WrappedBy,
    action::{KEY_CREATE, KEY_REWRAP, KEY_ROTATE},
};
use vutf_kernel::{Detail, OrganizationId, PortError, Timestamp};

use crate::ledger::each_since;

/// Events are committed in another order than they happened; none lies so far behind.
const OVERLAP: Duration = Duration::from_mins(10);

/// When each key-encryption key first wrapped a tenant key of an organization, as far as the log was read.
#[derive(Debug, Default)]
pub struct KekSince {
    first: BTreeMap<String, Timestamp>,
    read_until: Option<Timestamp>,
}

impl KekSince {
    /// When `kek_id` first wrapped, if it did.
    pub fn of(&self, kek_id: &str) -> Option<Timestamp> {
        self.first.get(kek_id).copied()
    }

    /// Reads on from where the last reading ended. `now` is when this one begins.
    pub async fn read_on(
        &mut self,
        log: &dyn LogReader,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let from = self.read_until.map(|until| until.minus(OVERLAP));
        for action in [KEY_CREATE, KEY_ROTATE, KEY_REWRAP] {
            each_since(log, organization, action, from, |record| {
                // One that cannot be read is the verifier's business.
                if let Ok(body) = parse_body(&record.intake.body) {
                    self.note(&body);
                }
            })
            .await?;
        }
        self.read_until = Some(now);
        Ok(())
    }

    fn note(&mut self, body: &Body) {
        for kek_id in wrapping(body) {
            let first = self.first.entry(kek_id).or_insert(body.occurred_at);
            *first = body.occurred_at.min(*first);
        }
    }
}

/// The key-encryption keys that wrap from this event on.
fn wrapping(body: &Body) -> Vec<String> {
    match (body.details.get("wrapped_by"), body.details.get("to")) {
        (Some(Detail::Text(text)), _) => match text.parse() {
            Ok(WrappedBy::Kek(kek_id)) => vec![kek_id],
            _ => Vec::new(),
        },
        // Keys below a tenant key are wrapped anew by the same action, and name `tenant:…`.
        (None, Some(Detail::List(ids))) => ids
            .iter()
            .filter(|id| !matches!(id.parse(), Ok(WrappedBy::Tenant(_))))
            .cloned()
            .collect(),
        _ => Vec::new(),
    }
}
