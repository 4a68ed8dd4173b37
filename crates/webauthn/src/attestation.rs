//! What an authenticator says of itself: WebAuthn Level 2, §6.5.4. None is asked for.

use ciborium::Value;
use vutf_identity::passkey::CeremonyError;

use crate::cose::{PublicKey, whole_item};

/// §6.5.4, figure 6.
#[derive(Debug)]
pub(crate) struct AttestationObject {
    format: String,
    statement: Vec<(Value, Value)>,
    pub(crate) authenticator_data: Vec<u8>,
}

impl AttestationObject {
    /// §7.1 step 12.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, CeremonyError> {
        let malformed = || CeremonyError::MALFORMED;
        let map = whole_item(bytes)?.into_map().map_err(|_| malformed())?;
        let (mut format, mut statement, mut data) = (None, None, None);
        for (key, value) in map {
            let slot_was_empty = match key.as_text().ok_or_else(malformed)? {
                "fmt" => format
                    .replace(value.into_text().map_err(|_| malformed())?)
                    .is_none(),
                "attStmt" => statement
                    .replace(value.into_map().map_err(|_| malformed())?)
                    .is_none(),
                "authData" => data
                    .replace(value.into_bytes().map_err(|_| malformed())?)
                    .is_none(),
                _ => true,
            };
            if !slot_was_empty {
                return Err(malformed());
            }
        }
        Ok(Self {
            format: format.ok_or_else(malformed)?,
            statement: statement.ok_or_else(malformed)?,
            authenticator_data: data.ok_or_else(malformed)?,
        })
    }

    /// §7.1 steps 18 to 21: §8.7 (`none`), or §8.2 with self attestation. Neither says what made the key.
    pub(crate) fn check(
        &self,
        algorithm: i64,
        key: &PublicKey,
        client_data_hash: &[u8],
    ) -> Result<(), CeremonyError> {
        match self.format.as_str() {
            "none" if self.statement.is_empty() => Ok(()),
            "packed" if self.of("x5c").is_none() => {
                let named = self.of("alg").and_then(Value::as_integer);
                let signature = self.of("sig").and_then(Value::as_bytes);
                match (named, signature) {
                    (Some(named), Some(signature)) if i128::from(named) == i128::from(algorithm) => {
                        key.verify(&[&self.authenticator_data, client_data_hash].concat(), signature)
                    }
                    _ => Err(CeremonyError::WRONG_ATTESTATION),
                }
            }
            _ => Err(CeremonyError::WRONG_ATTESTATION),
        }
    }

    fn of(&self, name: &str) -> Option<&Value> {
        let mut parts = self.statement.iter();
        parts
            .find(|(key, _)| key.as_text() == Some(name))
            .map(|(_, value)| value)
    }
}
