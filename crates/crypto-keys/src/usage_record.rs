//! What is written down of a key's use: a row that the service wrote, that nobody else can write, and that only grows.
//!
//! Whoever could lower it would keep a key from ever being rotated by use, and have it protect more than its primitive allows
//! (NIST SP 800-38D, section 8.3).

use vutf_kernel::{Ctx, Detail, Env, Event, KeyId, OrganizationId, Outcome, PortError};

use crate::{
    CryptoError, Keyring, KeysTx, LoadError, Usage, UsageDelta, action::KEY_USAGE,
    associated::length_prefixed, authenticated::Authenticated,
};

const DOMAIN: &[u8] = b"vutf/key-usage/v1";

/// How much one key protected, as the store holds it, authenticated as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRecord {
    /// The key.
    pub key_id: KeyId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// How much.
    pub usage: Usage,
    /// 1 when it was made, one more with each change: an older row that was put back is known by it.
    pub revision: u64,
    /// The tenant key whose registry key made the MAC.
    pub authenticated_by: KeyId,
    /// HMAC-SHA-256 over every other field.
    pub mac: [u8; 32],
}

impl Authenticated for UsageRecord {
    fn mac_input(&self) -> Result<Vec<u8>, CryptoError> {
        // Destructured, so that a new field cannot be forgotten here.
        let Self {
            key_id,
            organization_id,
            usage,
            revision,
            authenticated_by,
            mac: _,
        } = self;
        length_prefixed(&[
            DOMAIN,
            key_id.as_bytes(),
            organization_id.as_bytes(),
            &usage.to_bytes(),
            &revision.to_be_bytes(),
            authenticated_by.as_bytes(),
        ])
    }

    fn mac(&self) -> &[u8; 32] {
        &self.mac
    }

    fn with_mac(self, mac: [u8; 32]) -> Self {
        Self { mac, ..self }
    }
}

impl Keyring {
    /// Refuses a row of a key's use that the service did not write, or that is older than one that this process has seen.
    pub fn check_usage(&self, record: &UsageRecord) -> Result<(), LoadError> {
        let key_id = record.key_id;
        let tenant = self.authority(record.organization_id, record.authenticated_by)?;
        let authentic = record
            .is_authentic(&tenant.registry_key)
            .map_err(|source| LoadError::Wrapping { key_id, source })?;
        if !authentic {
            return Err(LoadError::UsageMac { key_id });
        }
        self.refuse_older_usage(key_id, record.revision)
    }

    /// `row` is the revision that the store has, 0 when it has none.
    fn refuse_older_usage(&self, key_id: KeyId, row: u64) -> Result<(), LoadError> {
        let seen = self.counter(key_id).seen_revision();
        if row < seen {
            return Err(LoadError::UsageRolledBack { key_id, row, seen });
        }
        Ok(())
    }

    /// Checks the rows of whole organizations: each by itself, and that none is gone which this process has seen.
    pub(crate) fn check_usages(
        &self,
        records: &[UsageRecord],
        keys: impl Iterator<Item = KeyId>,
    ) -> Result<(), LoadError> {
        for record in records {
            self.check_usage(record)?;
        }
        for key_id in keys {
            if !records.iter().any(|record| record.key_id == key_id) {
                self.refuse_older_usage(key_id, 0)?;
            }
        }
        Ok(())
    }
}

/// The row that `more` makes of `current`, after that was checked. The organization's active tenant key must be loaded; no
/// provider is asked.
pub fn plan_usage(
    keyring: &Keyring,
    current: Option<&UsageRecord>,
    more: &UsageDelta,
) -> Result<UsageRecord, LoadError> {
    let UsageDelta {
        key_id,
        organization_id,
        more,
    } = *more;
    match current {
        Some(current) => keyring.check_usage(current)?,
        None => keyring.refuse_older_usage(key_id, 0)?,
    }
    let authenticated_by = keyring
        .snapshot()
        .wrapping_tenant(organization_id)
        .map(|tenant| tenant.id)
        .ok_or(LoadError::NoTenantKey { organization_id })?;
    let authority = keyring.authority(organization_id, authenticated_by)?;
    let record = UsageRecord {
        key_id,
        organization_id,
        usage: current
            .map_or(Usage::default(), |current| current.usage)
            .plus(more),
        revision: current.map_or(1, |current| current.revision.saturating_add(1)),
        authenticated_by,
        mac: [0; 32],
    };
    record
        .authenticated(&authority.registry_key)
        .map_err(|source| LoadError::Wrapping { key_id, source })
}

/// Writes what [`plan_usage`] made of a row that said `before`; [`vutf_kernel::Fault::Stale`] or
/// [`vutf_kernel::Fault::Duplicate`] when somebody else wrote meanwhile.
///
/// Each time that an amount has doubled it is told to the audit log, which nobody can lower: so a row that is put back or taken
/// away while no process runs is known at the next start, unless less than that is lost.
pub async fn commit_usage(
    ctx: &Ctx,
    env: &mut Env<'_>,
    tx: &mut dyn KeysTx,
    before: Usage,
    next: &UsageRecord,
) -> Result<(), PortError> {
    if next.revision == 1 {
        tx.lifecycle().insert_usage(next).await?;
    } else {
        tx.lifecycle().replace_usage(next).await?;
    }
    if before.doublings() == next.usage.doublings() {
        return Ok(());
    }
    tx.events().append(event(ctx, env, next)).await
}

fn event(ctx: &Ctx, env: &mut Env<'_>, record: &UsageRecord) -> Event {
    let number = |n: u64| Detail::Number(i64::try_from(n).unwrap_or(i64::MAX));
    let resource = KEY_USAGE.one(record.key_id.as_uuid());
    let mut event = Event::new(ctx, env, KEY_USAGE.name, resource, Outcome::Success)
        .detail("messages", number(record.usage.messages))
        .detail("bytes", number(record.usage.bytes))
        .detail("revision", number(record.revision));
    event.organization_id = record.organization_id;
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use vutf_kernel::Secret;

    #[test]
    fn a_change_of_any_field_is_seen() {
        let key = Secret::new([5; 32]);
        let id = |byte| KeyId::from_uuid(uuid::Uuid::from_bytes([byte; 16]));
        let good = UsageRecord {
            key_id: id(1),
            organization_id: OrganizationId::DEFAULT,
            usage: Usage {
                messages: 7,
                bytes: 70,
            },
            revision: 3,
            authenticated_by: id(2),
            mac: [0; 32],
        }
        .authenticated(&key)
        .unwrap();
        assert!(good.is_authentic(&key).unwrap());
        assert!(!good.is_authentic(&Secret::new([6; 32])).unwrap());
        let edits: [fn(&mut UsageRecord); 6] = [
            |row| row.key_id = KeyId::from_uuid(uuid::Uuid::from_bytes([9; 16])),
            |row| row.organization_id = OrganizationId::from_uuid(uuid::Uuid::from_bytes([9; 16])),
            |row| row.usage.messages = 6,
            |row| row.usage.bytes = 69,
            |row| row.revision = 2,
            |row| row.authenticated_by = KeyId::from_uuid(uuid::Uuid::from_bytes([9; 16])),
        ];
        for edit in edits {
            let mut row = good.clone();
            edit(&mut row);
            assert!(!row.is_authentic(&key).unwrap(), "{row:?}");
        }
    }
}
