//! How the key in the file is protected.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use vutf_crypto_keys::{CryptoError, Suite, WrappingKey};
use vutf_kernel::{Entropy, Secret};
use zeroize::Zeroizing;

use super::{
    error::FileError,
    format::{Argon2id, Described, Document},
};

const SEALED_BY: &str = "kek-file";
const MIN_PASSPHRASE: usize = 15;

/// What protects the key in the file. It must be what the file says: there is no falling back.
#[derive(Clone, Debug)]
pub enum FileKek {
    /// The permissions of the file alone: for development.
    Unsealed,
    /// A passphrase, by Argon2id (RFC 9106, second recommended option: 64 MiB, three passes; one lane).
    Passphrase(Secret<String>),
    /// A 256-bit key from the configuration.
    Key(Secret<[u8; 32]>),
}

impl FileKek {
    /// 32 bytes from 64 hexadecimal digits or from base64, standard or URL-safe, with or without padding.
    pub fn parse_key(text: &Secret<String>) -> Result<Secret<[u8; 32]>, FileError> {
        let text = text.expose().trim();
        let mut key = Zeroizing::new([0_u8; 32]);
        if text.len() == 64 {
            hex::decode_to_slice(text, key.as_mut_slice()).map_err(|_| FileError::KeyText)?;
            return Ok(Secret::new(*key));
        }
        let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let url_safe = text.contains(['-', '_']);
        let alphabet = if url_safe { URL_SAFE } else { STANDARD };
        let decoded = GeneralPurpose::new(&alphabet, lenient)
            .decode(text)
            .map(Zeroizing::new);
        let decoded = decoded.map_err(|_| FileError::KeyText)?;
        if decoded.len() != key.len() {
            return Err(FileError::KeyText);
        }
        key.copy_from_slice(&decoded);
        Ok(Secret::new(*key))
    }

    /// What a new file says about its protection.
    pub(super) fn describe(&self, entropy: &mut dyn Entropy) -> Result<Described, FileError> {
        Ok(match self {
            Self::Unsealed => Described::None,
            Self::Key(_) => Described::Key,
            Self::Passphrase(passphrase) if passphrase.expose().chars().count() < MIN_PASSPHRASE => {
                return Err(FileError::WeakPassphrase);
            }
            Self::Passphrase(_) => Described::Argon2id(Argon2id::new(entropy.bytes())),
        })
    }

    /// The bytes that stand in the file for `key`, bound to `header`: sealed in `suite`, the key's own.
    pub(super) fn seal(
        &self,
        suite: Suite,
        described: &Described,
        key: &Secret<[u8; 32]>,
        header: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let sealed = match self.sealing_key(suite, described)? {
            Some(sealing) => sealing.wrap(key, header, entropy)?,
            None => key.expose().to_vec(),
        };
        Ok(Zeroizing::new(sealed))
    }

    /// The key in the file.
    pub(super) fn open(&self, path: &Path, document: &Document) -> Result<Secret<[u8; 32]>, FileError> {
        if self.name() != document.protection.name() {
            return Err(FileError::Protection {
                path: path.to_owned(),
                found: document.protection.name(),
                configured: self.name(),
            });
        }
        let Some(sealing) = self.sealing_key(super::suite_of(&document.kek_id), &document.protection)? else {
            let mut key = Zeroizing::new([0_u8; 32]);
            if document.key.len() != key.len() {
                return Err(FileError::Malformed {
                    path: path.to_owned(),
                    reason: "the key has not 32 bytes",
                });
            }
            key.copy_from_slice(&document.key);
            return Ok(Secret::new(*key));
        };
        sealing
            .unwrap(&document.key, &document.header())
            .map_err(|_| FileError::DoesNotOpen {
                path: path.to_owned(),
                with: self.name(),
            })
    }

    fn sealing_key(&self, suite: Suite, described: &Described) -> Result<Option<WrappingKey>, FileError> {
        let key = match (self, described) {
            (Self::Passphrase(passphrase), Described::Argon2id(cost)) => stretch(passphrase, cost)?,
            (Self::Key(key), _) => key.clone(),
            _ => return Ok(None),
        };
        Ok(Some(WrappingKey::of_suite(suite, SEALED_BY, key)?))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Unsealed => "no seal",
            Self::Passphrase(_) => "passphrase",
            Self::Key(_) => "key",
        }
    }
}

fn stretch(passphrase: &Secret<String>, cost: &Argon2id) -> Result<Secret<[u8; 32]>, FileError> {
    let failed = |_| CryptoError::Primitive("Argon2id");
    let params = Params::new(cost.m_kib, cost.t, cost.p, Some(32)).map_err(failed)?;
    let mut key = Zeroizing::new([0_u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose().as_bytes(), &cost.salt, key.as_mut_slice())
        .map_err(failed)?;
    Ok(Secret::new(*key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Secret<[u8; 32]>, FileError> {
        FileKek::parse_key(&Secret::new(text.to_owned()))
    }

    #[test]
    fn keys_are_read_in_every_usual_form() {
        let bytes: [u8; 32] = std::array::from_fn(|at| 0xFF - u8::try_from(at).unwrap_or(0));
        let padded = base64::prelude::BASE64_STANDARD.encode(bytes);
        let forms = [
            hex::encode(bytes),
            hex::encode_upper(bytes),
            format!(" {padded}\n"),
            padded.trim_end_matches('=').to_owned(),
            base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes),
        ];
        for form in forms {
            assert_eq!(parse(&form).unwrap(), Secret::new(bytes), "{form}");
        }
    }

    #[test]
    fn what_is_not_32_bytes_is_refused() {
        for bad in [
            "",
            "secret",
            &"a".repeat(63),
            &"z".repeat(64),
            &"A".repeat(42),
            &"A".repeat(44),
        ] {
            assert!(matches!(parse(bad), Err(FileError::KeyText)), "{bad}");
        }
    }

    #[test]
    fn the_passphrase_is_not_printed() {
        let kek = FileKek::Passphrase(Secret::new("correct horse battery".into()));
        assert!(!format!("{kek:?}").contains("horse"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            let _ = parse(&text);
        }
    }
}
