//! What holds for all versions of a purpose's key: the oldest that may still be used, what a suspended one may do, and when the
//! next rotation is due. A row that the service wrote and nobody else can write.

use std::time::Duration;

use vutf_kernel::{Ctx, Detail, Env, Event, KeyId, OrganizationId, Outcome, PortError, Timestamp};

use crate::{
    CryptoError, KeyRecord, Keyring, KeysTx, LoadError, Purpose, Usage, action::KEYSET_UPDATE,
    associated::length_prefixed, authenticated::Authenticated,
};

const DOMAIN: &[u8] = b"vutf/keyset/v1";

/// What an operator decides about a purpose's keys. The default is what holds when nobody decided anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysetPolicy {
    /// Versions below it are refused for every operation; 1 admits all.
    pub minimum_version: u32,
    /// Whether a suspended version may process what it protected.
    pub suspended_may_process: bool,
    /// How long a version protects, instead of [`Purpose::cryptoperiod`].
    pub cryptoperiod: Option<Duration>,
    /// How much a version protects before it is rotated, instead of [`Purpose::usage_limit`].
    pub limit: Option<Usage>,
}

impl KeysetPolicy {
    /// Whether a cryptoperiod may be decided: from an hour, below which rotations overtake one another, to ten years.
    pub fn admits_cryptoperiod(period: Duration) -> bool {
        (Duration::from_hours(1)..=Duration::from_hours(3_660 * 24)).contains(&period)
    }

    /// Whether a limit of use may be decided: one that is reached before the first use would rotate without end.
    pub const fn admits_limit(limit: Usage) -> bool {
        limit.messages > 0 && limit.bytes > 0
    }
}

impl Default for KeysetPolicy {
    fn default() -> Self {
        Self {
            minimum_version: 1,
            suspended_may_process: false,
            cryptoperiod: None,
            limit: None,
        }
    }
}

/// The policy of one purpose in one organization as the store holds it, authenticated as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyset {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// The purpose.
    pub purpose: Purpose,
    /// What was decided.
    pub policy: KeysetPolicy,
    /// 1 when it was made, one more with each change: an older row that was put back is known by it.
    pub revision: u64,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The tenant key whose registry key made the MAC.
    pub authenticated_by: KeyId,
    /// HMAC-SHA-256 over every other field.
    pub mac: [u8; 32],
}

impl Authenticated for Keyset {
    fn mac_input(&self) -> Result<Vec<u8>, CryptoError> {
        // Destructured, so that a new field cannot be forgotten here.
        let Self {
            organization_id,
            purpose,
            policy,
            revision,
            updated_at,
            authenticated_by,
            mac: _,
        } = self;
        let KeysetPolicy {
            minimum_version,
            suspended_may_process,
            cryptoperiod,
            limit,
        } = policy;
        length_prefixed(&[
            DOMAIN,
            organization_id.as_bytes(),
            purpose.to_string().as_bytes(),
            &minimum_version.to_be_bytes(),
            &[u8::from(*suspended_may_process)],
            &cryptoperiod
                .map(|period| period.as_micros().to_be_bytes().to_vec())
                .unwrap_or_default(),
            &limit.map(Usage::to_bytes).unwrap_or_default(),
            &revision.to_be_bytes(),
            &updated_at.as_micros().to_be_bytes(),
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

/// The row that says `policy` of `purpose`, after what stands there was checked. `tenant` is the organization's active tenant
/// key, and must be loaded; no provider is asked.
pub fn plan_keyset(
    keyring: &Keyring,
    now: Timestamp,
    tenant: &KeyRecord,
    purpose: &Purpose,
    current: Option<&Keyset>,
    policy: KeysetPolicy,
) -> Result<Keyset, LoadError> {
    if let Some(current) = current {
        keyring.authenticate_keyset(current)?;
    }
    let authority = keyring.active_authority(tenant)?;
    let keyset = Keyset {
        organization_id: tenant.organization_id,
        purpose: purpose.clone(),
        policy,
        revision: current.map_or(1, |current| current.revision.saturating_add(1)),
        updated_at: now,
        authenticated_by: tenant.id,
        mac: [0; 32],
    };
    let key_id = tenant.id;
    keyset
        .authenticated(&authority.registry_key)
        .map_err(|source| LoadError::Wrapping { key_id, source })
}

/// Writes a keyset with its event; [`vutf_kernel::Fault::Stale`] or [`vutf_kernel::Fault::Duplicate`] when it was changed
/// meanwhile.
pub async fn commit_keyset(
    ctx: &Ctx,
    env: &mut Env<'_>,
    tx: &mut dyn KeysTx,
    keyset: &Keyset,
) -> Result<(), PortError> {
    if keyset.revision == 1 {
        tx.lifecycle().insert_keyset(keyset).await?;
    } else {
        tx.lifecycle().replace_keyset(keyset).await?;
    }
    tx.events().append(event(ctx, env, keyset)).await
}

fn event(ctx: &Ctx, env: &mut Env<'_>, keyset: &Keyset) -> Event {
    let number = |n: u64| Detail::Number(i64::try_from(n).unwrap_or(i64::MAX));
    let policy = &keyset.policy;
    let resource = KEYSET_UPDATE.none();
    let mut event = Event::new(ctx, env, KEYSET_UPDATE.name, resource, Outcome::Success)
        .detail("purpose", Detail::Text(keyset.purpose.to_string()))
        .detail("minimum_version", Detail::Number(policy.minimum_version.into()))
        .detail(
            "suspended_may_process",
            Detail::Bool(policy.suspended_may_process),
        )
        .detail("revision", number(keyset.revision));
    if let Some(period) = policy.cryptoperiod {
        event = event.detail("cryptoperiod_seconds", number(period.as_secs()));
    }
    if let Some(limit) = policy.limit {
        event = event
            .detail("message_limit", number(limit.messages))
            .detail("byte_limit", number(limit.bytes));
    }
    event.organization_id = keyset.organization_id;
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use vutf_kernel::Secret;

    #[test]
    fn a_change_of_any_field_is_seen() {
        let key = Secret::new([5; 32]);
        let tenant = |byte| KeyId::from_uuid(uuid::Uuid::from_bytes([byte; 16]));
        let good = Keyset {
            organization_id: OrganizationId::DEFAULT,
            purpose: Purpose::field("users"),
            policy: KeysetPolicy {
                minimum_version: 3,
                ..KeysetPolicy::default()
            },
            revision: 2,
            updated_at: Timestamp::from_secs(1),
            authenticated_by: tenant(1),
            mac: [0; 32],
        }
        .authenticated(&key)
        .unwrap();
        assert!(good.is_authentic(&key).unwrap());
        assert!(!good.is_authentic(&Secret::new([6; 32])).unwrap());
        let edits: [fn(&mut Keyset); 10] = [
            |k| k.organization_id = OrganizationId::from_uuid(uuid::Uuid::from_bytes([9; 16])),
            |k| k.purpose = Purpose::field("sessions"),
            |k| k.policy.minimum_version = 1,
            |k| k.policy.suspended_may_process = true,
            |k| k.policy.cryptoperiod = Some(Duration::from_micros(0)),
            |k| k.policy.limit = Some(Usage::default()),
            |k| k.revision = 3,
            |k| k.updated_at = Timestamp::from_secs(2),
            |k| k.authenticated_by = KeyId::from_uuid(uuid::Uuid::from_bytes([2; 16])),
            |k| k.mac[0] ^= 1,
        ];
        for (at, edit) in edits.into_iter().enumerate() {
            let mut changed = good.clone();
            edit(&mut changed);
            assert!(!changed.is_authentic(&key).unwrap(), "edit {at}");
        }
    }
}
