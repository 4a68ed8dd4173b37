//! Column types for what must not stand in clear: entities hold [`Encrypted`] values, which only a [`crate::sealed::Place`]
//! makes and opens. A plain text has no way into such a column.

use std::{fmt, marker::PhantomData};

use sea_orm::{
    ColIdx, QueryResult, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr},
};
use vutf_identity::{DisplayName, Email, Phone, Username, api_key::ApiKeyName, passkey::PasskeyName};
use vutf_kernel::Secret;

/// The ciphertext of a `T`.
pub(crate) struct Encrypted<T> {
    bytes: Vec<u8>,
    of: PhantomData<fn() -> T>,
}

/// A value that columns hold sealed.
pub(crate) trait Sealed: Sized {
    /// As it is sealed.
    fn text(&self) -> &str;
    /// As it was sealed.
    fn from_text(text: String) -> Self;
}

impl<T> Encrypted<T> {
    /// Only from what a cipher made.
    pub(crate) fn from_cipher(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            of: PhantomData,
        }
    }

    /// For a cipher to open.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

macro_rules! sealed {
    ($($type:ty),+ $(,)?) => {$(
        impl Sealed for $type {
            fn text(&self) -> &str {
                self.expose()
            }
            fn from_text(text: String) -> Self {
                Self::from_store(text)
            }
        }
    )+};
}

sealed!(Username, Email, DisplayName, Phone, ApiKeyName, PasskeyName);

/// A password in PHC string format.
pub(crate) struct Phc(pub(crate) Secret<String>);

impl Sealed for Phc {
    fn text(&self) -> &str {
        self.0.expose()
    }
    fn from_text(text: String) -> Self {
        Self(Secret::new(text))
    }
}

/// The secret of an authenticator app, in Base32.
pub(crate) struct TotpSeed(pub(crate) Secret<String>);

impl Sealed for TotpSeed {
    fn text(&self) -> &str {
        self.0.expose()
    }
    fn from_text(text: String) -> Self {
        Self(Secret::new(text))
    }
}

/// From where an API key may be used, apart by spaces.
pub(crate) struct Networks(pub(crate) String);

impl Sealed for Networks {
    fn text(&self) -> &str {
        &self.0
    }
    fn from_text(text: String) -> Self {
        Self(text)
    }
}

/// What a mail says: an address, and a token that is as good as a password.
pub(crate) struct MailContent(pub(crate) Secret<String>);

impl Sealed for MailContent {
    fn text(&self) -> &str {
        self.0.expose()
    }
    fn from_text(text: String) -> Self {
        Self(Secret::new(text))
    }
}

/// From where or with what a session or an API key is used.
pub(crate) struct Origin(pub(crate) String);

impl Sealed for Origin {
    fn text(&self) -> &str {
        &self.0
    }
    fn from_text(text: String) -> Self {
        Self(text)
    }
}

impl<T> Clone for Encrypted<T> {
    fn clone(&self) -> Self {
        Self::from_cipher(self.bytes.clone())
    }
}

impl<T> PartialEq for Encrypted<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<T> Eq for Encrypted<T> {}

impl<T> fmt::Debug for Encrypted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encrypted({} bytes)", self.bytes.len())
    }
}

impl<T> From<Encrypted<T>> for Value {
    fn from(encrypted: Encrypted<T>) -> Self {
        encrypted.bytes.into()
    }
}

impl<T> TryGetable for Encrypted<T> {
    fn try_get_by<I: ColIdx>(result: &QueryResult, index: I) -> Result<Self, TryGetError> {
        Vec::<u8>::try_get_by(result, index).map(Self::from_cipher)
    }
}

impl<T> ValueType for Encrypted<T> {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <Vec<u8> as ValueType>::try_from(value).map(Self::from_cipher)
    }
    fn type_name() -> String {
        "Encrypted".to_owned()
    }
    fn array_type() -> ArrayType {
        ArrayType::Bytes
    }
    fn column_type() -> ColumnType {
        ColumnType::VarBinary(sea_orm::sea_query::StringLen::None)
    }
}

impl<T> Nullable for Encrypted<T> {
    fn null() -> Value {
        <Vec<u8> as Nullable>::null()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ciphertext_is_not_printed_and_passes_through_unchanged() {
        let cell: Encrypted<Email> = Encrypted::from_cipher(vec![0xAB; 7]);
        assert_eq!(format!("{cell:?}"), "Encrypted(7 bytes)");
        let value = Value::from(cell.clone());
        assert_eq!(<Encrypted<Email> as ValueType>::try_from(value).unwrap(), cell);
    }
}
