//! Sealing and opening of columns.

use uuid::Uuid;
use vutf_crypto_keys::{BlindIndex, FieldRef, Keyring};
use vutf_kernel::{Entropy, Fault, OrganizationId, PortError, Secret, UserId};

use crate::row::corrupt;

/// A row whose PII belongs to one person.
#[derive(Clone, Copy)]
pub(crate) struct SealedRow<'a> {
    pub(crate) keyring: &'a Keyring,
    pub(crate) organization: OrganizationId,
    pub(crate) table: &'static str,
    pub(crate) row: Uuid,
    pub(crate) subject: Option<UserId>,
}

impl SealedRow<'_> {
    fn field<'b>(&'b self, column: &'b str) -> FieldRef<'b> {
        FieldRef {
            organization_id: self.organization,
            table: self.table,
            column,
            row: self.row.as_bytes(),
            subject: self.subject,
        }
    }

    pub(crate) fn seal(
        &self,
        column: &str,
        text: &str,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, PortError> {
        self.keyring
            .seal(&self.field(column), text.as_bytes(), entropy)
            .map_err(|error| error.into_port("field.seal"))
    }

    pub(crate) fn seal_optional(
        &self,
        column: &str,
        text: Option<&str>,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Vec<u8>>, PortError> {
        text.map(|text| self.seal(column, text, entropy)).transpose()
    }

    pub(crate) fn open(&self, column: &'static str, ciphertext: &[u8]) -> Result<String, PortError> {
        let plain = self
            .keyring
            .open(&self.field(column), ciphertext)
            .map_err(|error| match error.fault() {
                Fault::KeyNotLoaded => error.into_port("field.open"),
                _ => corrupt(self.table, column, self.row, error),
            })?;
        String::from_utf8(plain.expose().clone())
            .map_err(|_| corrupt(self.table, column, self.row, "not UTF-8"))
    }

    pub(crate) fn open_optional(
        &self,
        column: &'static str,
        ciphertext: Option<&Vec<u8>>,
    ) -> Result<Option<String>, PortError> {
        ciphertext.map(|bytes| self.open(column, bytes)).transpose()
    }
}

/// The blind index under which a new value is stored.
pub(crate) fn index(
    keyring: &Keyring,
    organization: OrganizationId,
    column: &'static str,
    canonical: &Secret<String>,
) -> Result<BlindIndex, PortError> {
    keyring
        .blind_index(organization, "users", column, canonical.expose().as_bytes())
        .map_err(|error| error.into_port("blind_index.make"))
}

/// Every blind index under which a value may be stored, newest first.
pub(crate) fn candidates(
    keyring: &Keyring,
    organization: OrganizationId,
    column: &'static str,
    canonical: &Secret<String>,
) -> Result<Vec<Vec<u8>>, PortError> {
    let found = keyring
        .blind_index_candidates(organization, "users", column, canonical.expose().as_bytes())
        .map_err(|error| error.into_port("blind_index.look_up"))?;
    Ok(found.into_iter().map(|index| index.value.to_vec()).collect())
}
