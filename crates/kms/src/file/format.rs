//! The key file as bytes. Strict: what this program does not know, it does not use.

use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vutf_crypto_keys::{CryptoError, WrappingKey};
use vutf_kernel::Secret;
use zeroize::Zeroizing;

use super::error::FileError;

const FORMAT: &str = "vutf-kek";
const VERSION: u32 = 1;
/// The longest key file there is, in bytes.
pub(super) const MAX_LEN: usize = 4096;

/// How the file says its key is protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Described {
    None,
    Key,
    Argon2id(Argon2id),
}

impl Described {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::None => "no seal",
            Self::Key => "key",
            Self::Argon2id(_) => "passphrase",
        }
    }
}

/// Parameters of Argon2id, RFC 9106.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Argon2id {
    /// Memory in KiB.
    pub(super) m_kib: u32,
    /// Passes.
    pub(super) t: u32,
    /// Lanes.
    pub(super) p: u32,
    #[serde(serialize_with = "to_hex", deserialize_with = "salt_from_hex")]
    pub(super) salt: [u8; 16],
}

impl Argon2id {
    pub(super) fn new(salt: [u8; 16]) -> Self {
        Self {
            m_kib: 64 * 1024,
            t: 3,
            p: 1,
            salt,
        }
    }

    /// Not weaker than OWASP's least (19 MiB, two passes), and not so strong that a planted file exhausts the machine.
    fn is_bounded(&self) -> bool {
        (19 * 1024..=1024 * 1024).contains(&self.m_kib)
            && (2..=16).contains(&self.t)
            && (1..=4).contains(&self.p)
    }
}

/// A parsed file; nothing in it is believed before [`Document::verify`].
#[derive(Debug)]
pub(super) struct Document {
    pub(super) kek_id: String,
    pub(super) protection: Described,
    pub(super) key: Zeroizing<Vec<u8>>,
    check: [u8; 32],
}

impl Document {
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, FileError> {
        let malformed = |reason| FileError::Malformed {
            path: path.to_owned(),
            reason,
        };
        let preamble: Preamble =
            serde_json::from_slice(bytes).map_err(|_| malformed("not the JSON of a key file"))?;
        if preamble.format != FORMAT {
            return Err(malformed("not a key file of this program"));
        }
        if preamble.version != VERSION {
            return Err(FileError::Version {
                path: path.to_owned(),
                version: preamble.version,
            });
        }
        let read: Read =
            serde_json::from_slice(bytes).map_err(|_| malformed("a part is missing or unknown"))?;
        if !is_kek_id(&read.kek_id) {
            return Err(malformed("the id of the key has not the allowed form"));
        }
        if let Described::Argon2id(cost) = &read.protection
            && !cost.is_bounded()
        {
            return Err(malformed("the cost of the passphrase is out of bounds"));
        }
        let mut check = [0_u8; 32];
        hex::decode_to_slice(&read.check, &mut check)
            .map_err(|_| malformed("the check is not 32 bytes in hex"))?;
        let key = hex::decode(read.key.expose()).map_err(|_| malformed("the key is not hexadecimal"))?;
        Ok(Self {
            kek_id: read.kek_id,
            protection: read.protection,
            key: Zeroizing::new(key),
            check,
        })
    }

    /// Whether `key` and everything else in the file belong together.
    pub(super) fn verify(&self, path: &Path, key: &Secret<[u8; 32]>) -> Result<(), FileError> {
        let expected = check_value(&self.kek_id, &self.protection, key)?;
        if Secret::new(expected) == Secret::new(self.check) {
            Ok(())
        } else {
            Err(FileError::Damaged {
                path: path.to_owned(),
            })
        }
    }

    pub(super) fn header(&self) -> Vec<u8> {
        header(&self.kek_id, &self.protection)
    }
}

/// What the key is bound to: everything in the file but the key. No part can hold a line feed, so no two headers collide.
pub(super) fn header(kek_id: &str, protection: &Described) -> Vec<u8> {
    let protection = match protection {
        Described::None => "none".to_owned(),
        Described::Key => "key".to_owned(),
        Described::Argon2id(Argon2id { m_kib, t, p, salt }) => {
            format!("argon2id\n{m_kib}\n{t}\n{p}\n{}", hex::encode(salt))
        }
    };
    format!("{FORMAT}\n{VERSION}\n{kek_id}\n{protection}").into_bytes()
}

/// The file as text. The buffer is made large enough at once, so that no copy of an open key is left behind in memory.
pub(super) fn encode(
    kek_id: &str,
    protection: &Described,
    sealed: &[u8],
    key: &Secret<[u8; 32]>,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let body = Zeroizing::new(hex::encode(sealed));
    let check = hex::encode(check_value(kek_id, protection, key)?);
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_LEN));
    let write = Write {
        format: FORMAT,
        version: VERSION,
        kek_id,
        protection,
        key: &body,
        check: &check,
    };
    serde_json::to_writer_pretty(&mut *text, &write).map_err(|_| CryptoError::Primitive("JSON"))?;
    text.push(b'\n');
    Ok(text)
}

/// 1 to 64 of `[A-Za-z0-9._-]`.
pub(super) fn is_kek_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn check_value(kek_id: &str, protection: &Described, key: &Secret<[u8; 32]>) -> Result<[u8; 32], FileError> {
    Ok(WrappingKey::new(kek_id, key.clone())?.check_value(&header(kek_id, protection))?)
}

#[derive(Deserialize)]
struct Preamble {
    format: String,
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[serde(rename = "format")]
    _format: String,
    #[serde(rename = "version")]
    _version: u32,
    kek_id: String,
    protection: Described,
    key: Secret<String>,
    check: String,
}

#[derive(Serialize)]
struct Write<'a> {
    format: &'a str,
    version: u32,
    kek_id: &'a str,
    protection: &'a Described,
    key: &'a str,
    check: &'a str,
}

fn to_hex<S: Serializer>(salt: &[u8; 16], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(salt))
}

fn salt_from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 16], D::Error> {
    let mut salt = [0_u8; 16];
    let text = String::deserialize(deserializer)?;
    hex::decode_to_slice(text, &mut salt).map_err(serde::de::Error::custom)?;
    Ok(salt)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [0xC3; 32];

    fn text() -> Vec<u8> {
        let protection = Described::Argon2id(Argon2id::new([7; 16]));
        encode("kek-1", &protection, &KEY, &Secret::new(KEY))
            .unwrap()
            .to_vec()
    }

    fn parse(bytes: &[u8]) -> Result<Document, FileError> {
        Document::parse(Path::new("kek"), bytes)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let document = parse(&text()).unwrap();
        assert_eq!(document.kek_id, "kek-1");
        assert_eq!(document.protection, Described::Argon2id(Argon2id::new([7; 16])));
        assert_eq!(document.key[..], KEY);
        document.verify(Path::new("kek"), &Secret::new(KEY)).unwrap();
        let other = document.verify(Path::new("kek"), &Secret::new([0; 32]));
        assert!(matches!(other, Err(FileError::Damaged { .. })));
    }

    #[test]
    fn unknown_parts_versions_and_costs_are_refused() {
        let edit = |from: &str, to: &str| {
            let text = String::from_utf8(text()).unwrap();
            assert!(text.contains(from), "{from}");
            parse(text.replace(from, to).as_bytes())
        };
        assert!(matches!(
            edit("\"version\": 1", "\"version\": 2"),
            Err(FileError::Version { version: 2, .. })
        ));
        for (from, to) in [
            ("vutf-kek", "other"),
            ("\"version\": 1", "\"version\": 1, \"extra\": 1"),
            ("\"t\": 3", "\"t\": 3, \"extra\": 1"),
            ("\"m_kib\": 65536", "\"m_kib\": 4294967295"),
            ("\"m_kib\": 65536", "\"m_kib\": 8"),
            ("\"t\": 3", "\"t\": 4000000000"),
            ("\"p\": 1", "\"p\": 0"),
            ("kek-1", "kek\\n1"),
            ("argon2id", "argon2d"),
            ("c3c3", "zz"),
        ] {
            assert!(
                matches!(edit(from, to), Err(FileError::Malformed { .. })),
                "{from} -> {to}"
            );
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(parse(&bytes).is_err());
        }

        #[test]
        fn a_changed_file_is_refused_or_does_not_verify_or_means_the_same(at in 0_usize..2_000, byte: u8) {
            let mut bytes = text();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(document) = parse(&bytes) {
                let verified = document.verify(Path::new("kek"), &Secret::new(KEY)).is_ok();
                let original = parse(&text()).unwrap();
                let same = document.kek_id == original.kek_id && document.protection == original.protection;
                // The key's own bytes are bound by the seal, or are what is verified.
                prop_assert!(!verified || same);
            }
        }
    }
}
