//! Sealing and opening of columns, each in its place.

use sea_orm::{EntityTrait, IdenStatic};
use uuid::Uuid;
use vutf_crypto_keys::{BlindIndex, CryptoError, FieldRef, Keyring, SubjectKey, SubjectKeys};
use vutf_kernel::{Entropy, Fault, OrganizationId, PortError, Secret, UserId};

use crate::{
    encrypted::{Encrypted, Sealed},
    row::corrupt,
};

/// A row: what its ciphertexts are bound to, besides the column.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) keyring: &'a Keyring,
    pub(crate) organization: OrganizationId,
    pub(crate) table: &'static str,
    pub(crate) row: Uuid,
    pub(crate) subject: Option<UserId>,
}

/// Which key seals.
#[derive(Clone, Copy)]
pub(crate) enum Under<'a> {
    /// The table's.
    Table,
    /// The person's own.
    Person(&'a SubjectKey),
}

impl<'a> Place<'a> {
    /// A row of the table of `E` that holds data of `subject`.
    pub(crate) fn of<E: EntityTrait>(
        keyring: &'a Keyring,
        organization: OrganizationId,
        row: Uuid,
        subject: UserId,
    ) -> Self {
        Self {
            keyring,
            organization,
            table: E::default().table_name(),
            row,
            subject: Some(subject),
        }
    }

    pub(crate) fn seal<T: Sealed>(
        &self,
        column: impl IdenStatic,
        value: &T,
        under: Under<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Encrypted<T>, PortError> {
        self.seal_text(column.as_str(), value.text(), under, entropy)
            .map(Encrypted::from_cipher)
    }

    pub(crate) fn seal_optional<T: Sealed>(
        &self,
        column: impl IdenStatic,
        value: Option<&T>,
        under: Under<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Encrypted<T>>, PortError> {
        value
            .map(|value| self.seal(column, value, under, entropy))
            .transpose()
    }

    /// A text that stands in no column of its own, such as a private part of an event.
    pub(crate) fn seal_text(
        &self,
        name: &str,
        text: &str,
        under: Under<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, PortError> {
        let field = self.field(name);
        let sealed = match under {
            Under::Table => self.keyring.seal(&field, text.as_bytes(), entropy),
            Under::Person(key) => key.seal(&field, text.as_bytes(), entropy),
        };
        sealed.map_err(|error| error.into_port("field.seal"))
    }

    /// The value; `None` when its person was erased.
    pub(crate) fn open<T: Sealed>(
        &self,
        column: impl IdenStatic,
        keys: &SubjectKeys,
        cell: &Encrypted<T>,
    ) -> Result<Option<T>, PortError> {
        let name = column.as_str();
        let text = self.open_text(name, name, keys, cell.as_bytes())?;
        Ok(text.map(T::from_text))
    }

    /// The value; `None` when there is none, or when its person was erased.
    pub(crate) fn open_optional<T: Sealed>(
        &self,
        column: impl IdenStatic,
        keys: &SubjectKeys,
        cell: Option<&Encrypted<T>>,
    ) -> Result<Option<T>, PortError> {
        match cell {
            Some(cell) => self.open(column, keys, cell),
            None => Ok(None),
        }
    }

    /// The value in a column that an account cannot be without.
    pub(crate) fn require<T: Sealed>(
        &self,
        column: impl IdenStatic,
        keys: &SubjectKeys,
        cell: Option<&Encrypted<T>>,
    ) -> Result<T, PortError> {
        let name = column.as_str();
        let missing = || corrupt(self.table, name, self.row, "nothing can be read");
        self.open_optional(column, keys, cell)?.ok_or_else(missing)
    }

    /// The text `name` within `column`; `None` when its person was erased.
    pub(crate) fn open_text(
        &self,
        column: &'static str,
        name: &str,
        keys: &SubjectKeys,
        ciphertext: &[u8],
    ) -> Result<Option<String>, PortError> {
        let opened = match self.keyring.open_in(keys, &self.field(name), ciphertext) {
            Err(CryptoError::Erased) => return Ok(None),
            Err(error) if matches!(error.fault(), Fault::KeyNotLoaded | Fault::Withheld) => {
                return Err(error.into_port("field.open"));
            }
            Err(error) => return Err(corrupt(self.table, column, self.row, error)),
            Ok(opened) => opened,
        };
        let text = String::from_utf8(opened.expose().clone());
        text.map(Some)
            .map_err(|_| corrupt(self.table, column, self.row, "not UTF-8"))
    }

    fn field<'b>(&'b self, column: &'b str) -> FieldRef<'b> {
        FieldRef {
            organization_id: self.organization,
            table: self.table,
            column,
            row: self.row.as_bytes(),
            subject: self.subject,
        }
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
) -> Result<Vec<BlindIndex>, PortError> {
    keyring
        .blind_index_candidates(organization, "users", column, canonical.expose().as_bytes())
        .map_err(|error| error.into_port("blind_index.look_up"))
}
