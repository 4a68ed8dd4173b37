//! What the database certifies and the file outside it does not say yet: somebody died between the commit and the file, or
//! another replica has erased.

use vutf_crypto_keys::{KeyReader, KeyRecord, Keyring, LoadError, Purpose};
use vutf_kernel::{EventId, OrganizationId, PortError, UserId};

use super::{Certificate, DestroyedKey, ErasureReader, Tombstone};

/// Certificates that are read at once.
const PAGE: u32 = 500;

/// A page of what the database certifies.
#[derive(Debug, Default)]
pub struct Certified {
    /// Of persons who were not known, each proved.
    pub tombstones: Vec<Tombstone>,
    /// Certificates that the key registry does not bear out.
    pub unproved: Vec<EventId>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<EventId>,
}

/// A page of the certificates after `after`, without those of persons who are `known`.
///
/// Whoever can write to the database can write a certificate, and a tombstone outlives every backup. So one is made only of a
/// certificate whose keys are destroyed by an authentic row of the registry, which takes the tenant's key.
pub async fn certified(
    reader: &dyn ErasureReader,
    keys: &dyn KeyReader,
    keyring: &Keyring,
    after: Option<EventId>,
    known: &(dyn Fn(OrganizationId, UserId) -> bool + Sync),
) -> Result<Certified, PortError> {
    let page = reader.certificates(after, PAGE).await?;
    let last = page.last().map(|certificate| certificate.event_id);
    let full = u32::try_from(page.len()).is_ok_and(|length| length == PAGE);
    let mut found = Certified {
        next: last.filter(|_| full),
        ..Certified::default()
    };
    for certificate in page {
        if known(certificate.organization_id, certificate.subject_id) {
            continue;
        }
        if is_proved(keys, keyring, &certificate).await? {
            found.tombstones.push(Tombstone::from(&certificate));
        } else {
            found.unproved.push(certificate.event_id);
        }
    }
    Ok(found)
}

async fn is_proved(
    keys: &dyn KeyReader,
    keyring: &Keyring,
    certificate: &Certificate,
) -> Result<bool, PortError> {
    let mut records = Vec::with_capacity(certificate.keys.len());
    for key in &certificate.keys {
        records.extend(keys.find(key.id).await?);
    }
    // A row that cannot be authenticated proves nothing.
    Ok(bears_out(keyring, certificate, &records).unwrap_or(false))
}

/// Whether `records` prove an erasure: the keys that the certificate names are among them, and there is none that is not
/// destroyed by an authentic row. An error when one of them is not authentic.
pub(super) fn bears_out(
    keyring: &Keyring,
    certificate: &Certificate,
    records: &[KeyRecord],
) -> Result<bool, LoadError> {
    let purpose = Purpose::subject(certificate.subject_id);
    for record in records {
        let theirs = record.organization_id == certificate.organization_id && record.purpose == purpose;
        if !theirs || !keyring.is_destroyed(record)? {
            return Ok(false);
        }
    }
    let is_there = |key: &DestroyedKey| records.iter().any(|record| record.id == key.id);
    Ok(!records.is_empty() && certificate.keys.iter().all(is_there))
}
