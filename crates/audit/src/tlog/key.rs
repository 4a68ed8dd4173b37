//! Names and keys of those who sign notes.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_compact::{PublicKey, Signature};
use sha2::{Digest as _, Sha256};

/// Bytes of a key's name at most. The specification sets no limit; nobody needs more.
const MAX_NAME: usize = 255;

/// Who signs: not empty, without Unicode spaces, control characters and `+`; by convention a URL without scheme.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// `None` when it has not that form or is longer than 255 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
        let fits = (1..=MAX_NAME).contains(&text.len()) && text.chars().all(allowed);
        fits.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key signs, and how (the signature types of C2SP signed-note).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyKind {
    /// `0x01`: Ed25519 over the text of the note.
    Note,
    /// `0x04`: Ed25519 over a time and the text, by a witness.
    Cosignature,
}

impl KeyKind {
    /// The byte that names it.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Note => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Note, Self::Cosignature]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }
}

/// Text that is no verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VkeyError {
    /// Not `name+id+key`.
    #[error("not a verifier key: NAME+ID+KEY, the id as 8 hexadecimal digits, the key in base64")]
    Form,
    /// A signature type that is not known here.
    #[error("a verifier key of type {0:#04x}: only 0x01 (Ed25519) and 0x04 (cosignature) are known")]
    Kind(u8),
    /// The id is not that of this name and key.
    #[error("the id of the verifier key is not that of its name and key")]
    Id,
    /// Not a point of the curve, or one of small order.
    #[error("the verifier key is no usable Ed25519 key")]
    Key,
}

/// A public key by which notes are verified.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    kind: KeyKind,
    public: [u8; 32],
}

impl VerifierKey {
    /// Of an Ed25519 public key (RFC 8032).
    pub fn new(name: KeyName, kind: KeyKind, public: [u8; 32]) -> Self {
        Self { name, kind, public }
    }

    /// Reads the text form, `name+id+key`.
    pub fn parse(text: &str) -> Result<Self, VkeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VkeyError::Form);
        };
        let name = KeyName::parse(name).ok_or(VkeyError::Form)?;
        let bytes = STANDARD.decode(key).map_err(|_| VkeyError::Form)?;
        let (&byte, public) = bytes.split_first().ok_or(VkeyError::Form)?;
        let kind = KeyKind::from_byte(byte).ok_or(VkeyError::Kind(byte))?;
        let public = <[u8; 32]>::try_from(public).map_err(|_| VkeyError::Key)?;
        let key = Self { name, kind, public };
        if format!("{:08x}", key.id()) == id {
            Ok(key)
        } else {
            Err(VkeyError::Id)
        }
    }

    /// Whose.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// For what.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The 32 bytes of RFC 8032.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The first four bytes of SHA-256 over `name ‖ "\n" ‖ type ‖ key`: a hint, no proof of anything.
    pub fn id(&self) -> u32 {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(self.name.as_str())
            .chain_update([b'\n', self.kind.byte()])
            .chain_update(self.public)
            .finalize()
            .into();
        let [a, b, c, d, ..] = digest;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Whether `signature` is of this key over `message`. Keys of small order and signatures that are not canonical are none.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else {
            return false;
        };
        PublicKey::new(self.public).verify(message, &signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.kind.byte()];
        key.extend_from_slice(&self.public);
        write!(f, "{}+{:08x}+{}", self.name, self.id(), STANDARD.encode(key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}
