//! Intake rows carry a MAC until they have their place in the log, where hashes and a signature vouch for them: whoever can write
//! to the database alone cannot add an event that never happened.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;
use vutf_audit::Voucher;
use vutf_crypto_keys::{CryptoError, Keyring, Purpose};
use vutf_kernel::{OrganizationId, PortError};

use crate::{entity::crypto_keys, error::port, tx::Tx};

/// The name of the key; it belongs to the installation, whatever tenant an event is of.
pub(crate) const INTAKE: &str = "audit-intake";

const DOMAIN: &[u8] = b"vutf/audit-intake/v1";

/// The entry holds the event's id, and commits to the sealed parts.
fn message(body: &[u8]) -> Vec<u8> {
    [DOMAIN, body].concat()
}

/// Who vouches for a row.
pub(super) fn voucher(keyring: &Keyring, body: &[u8], mac: &[u8]) -> Result<Voucher, PortError> {
    if mac.is_empty() {
        return Ok(Voucher::Nobody);
    }
    match keyring.verify_mac(OrganizationId::DEFAULT, INTAKE, &message(body), mac) {
        Ok(true) => Ok(Voucher::Service),
        Ok(false) => Ok(Voucher::Forged),
        Err(error) => Err(error.into_port("audit.voucher")),
    }
}

impl Tx {
    /// The MACs of entries, in their order; empty ones before the first key of that name was made.
    pub(super) async fn vouch(&self, bodies: &[&[u8]]) -> Result<Vec<Vec<u8>>, PortError> {
        let mac = |body: &&[u8]| self.keyring.mac(OrganizationId::DEFAULT, INTAKE, &message(body));
        match bodies.iter().map(mac).collect::<Result<Vec<_>, _>>() {
            Ok(macs) => Ok(macs.into_iter().map(Vec::from).collect()),
            Err(CryptoError::KeyNotLoaded { .. }) if !self.has_voucher_key().await? => {
                Ok(vec![Vec::new(); bodies.len()])
            }
            Err(error) => Err(error.into_port("audit.vouch")),
        }
    }

    async fn has_voucher_key(&self) -> Result<bool, PortError> {
        let found: Option<Uuid> = crypto_keys::Entity::find()
            .select_only()
            .column(crypto_keys::Column::Id)
            .filter(crypto_keys::Column::OrganizationId.eq(OrganizationId::DEFAULT.as_uuid()))
            .filter(crypto_keys::Column::Purpose.eq(Purpose::mac(INTAKE).to_string()))
            .into_tuple()
            .one(&self.db)
            .await
            .map_err(port("audit.voucher_key"))?;
        Ok(found.is_some())
    }
}
