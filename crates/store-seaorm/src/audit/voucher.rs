//! Intake rows carry a MAC until they have their place in the log, where hashes and a signature vouch for them: whoever can write
//! to the database alone cannot add an event that never happened.

use sea_orm::{EntityTrait, QuerySelect};
use uuid::Uuid;
use vutf_audit::{Intake, Voucher};
use vutf_crypto_keys::{CryptoError, Keyring};
use vutf_kernel::{OrganizationId, PortError};

use crate::{entity::audit_leaf, error::port, tx::Tx};

/// The name of the key; it belongs to the installation, whatever tenant an event is of.
pub(crate) const INTAKE: &str = "audit-intake";

const DOMAIN: &[u8] = b"vutf/audit-intake/v1";

/// The entry commits to the sealed parts. It holds the event's id as well, but is not read here: with the row's own id in front,
/// the MAC of a row is none of its copy.
fn message(id: Uuid, body: &[u8]) -> Vec<u8> {
    [DOMAIN, id.as_bytes(), body].concat()
}

/// Whether rows can be judged.
pub(super) fn has_key(keyring: &Keyring) -> bool {
    keyring.vouch(OrganizationId::DEFAULT, INTAKE, &[]).is_ok()
}

/// Who vouches for a row.
pub(super) fn voucher(keyring: &Keyring, id: Uuid, body: &[u8], mac: &[u8]) -> Result<Voucher, PortError> {
    if mac.is_empty() {
        return Ok(Voucher::Nobody);
    }
    match keyring.verify_mac(OrganizationId::DEFAULT, INTAKE, &message(id, body), mac) {
        Ok(true) => Ok(Voucher::Service),
        Ok(false) => Ok(Voucher::Forged),
        Err(error) => Err(error.into_port("audit.voucher")),
    }
}

impl Tx {
    /// The MACs of entries, in their order; empty ones while there are neither keys nor a log.
    pub(super) async fn vouch(&self, intakes: &[Intake]) -> Result<Vec<Vec<u8>>, PortError> {
        let mac = |intake: &Intake| {
            let message = message(intake.id.as_uuid(), &intake.body);
            self.keyring.vouch(OrganizationId::DEFAULT, INTAKE, &message)
        };
        match intakes.iter().map(mac).collect::<Result<Vec<_>, _>>() {
            Ok(macs) => Ok(macs.into_iter().map(Vec::from).collect()),
            Err(CryptoError::KeyNotLoaded { .. }) if self.is_log_empty().await? => {
                Ok(vec![Vec::new(); intakes.len()])
            }
            Err(error) => Err(error.into_port("audit.vouch")),
        }
    }

    /// Before the first event has its place there may be no keys yet: the making of the first ones is an event, too.
    async fn is_log_empty(&self) -> Result<bool, PortError> {
        let first = audit_leaf::Entity::find().limit(1).one(&self.db).await;
        Ok(first.map_err(port("audit.is_empty"))?.is_none())
    }
}
