//! The key of a witness.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_compact::{SecretKey, Seed};
use vutf_kernel::Secret;

use super::{Cosignature, KeyKind, KeyName, NoteSignature, VerifierKey, cosigned_message};

const PREFIX: &str = "PRIVATE+KEY+";

/// Cosigns. Its secret is in no `Debug` text, and is wiped when the last clone is dropped.
#[derive(Clone)]
pub struct Cosigner {
    key: VerifierKey,
    secret: Arc<SecretKey>,
}

/// Text that is no key of a witness. It says nothing of what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key of a witness: PRIVATE+KEY+NAME+ID+KEY, of type 0x04, with the id of its name and key")]
pub struct SkeyError;

impl Cosigner {
    /// From 32 random bytes, the private key of RFC 8032; not all of them zero.
    pub fn from_seed(name: KeyName, seed: &Secret<[u8; 32]>) -> Result<Self, SkeyError> {
        let seed = Seed::new(*seed.expose());
        let pair = ed25519_compact::KeyPair::try_from_seed(seed).map_err(|_| SkeyError)?;
        Ok(Self {
            key: VerifierKey::new(name, KeyKind::Cosignature, *pair.pk),
            secret: Arc::new(pair.sk),
        })
    }

    /// Reads [`Self::skey`].
    pub fn parse(text: &str) -> Result<Self, SkeyError> {
        let mut parts = text.strip_prefix(PREFIX).ok_or(SkeyError)?.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SkeyError);
        };
        let bytes = Secret::new(STANDARD.decode(key).map_err(|_| SkeyError)?);
        let (kind, seed) = bytes.expose().split_first().ok_or(SkeyError)?;
        if *kind != KeyKind::Cosignature.byte() {
            return Err(SkeyError);
        }
        let seed = Secret::new(<[u8; 32]>::try_from(seed).map_err(|_| SkeyError)?);
        let read = Self::from_seed(KeyName::parse(name).ok_or(SkeyError)?, &seed)?;
        let same = format!("{:08x}", read.key.id()) == id;
        same.then_some(read).ok_or(SkeyError)
    }

    /// The text form in which other programs keep keys of signed notes: `PRIVATE+KEY+name+id+key`.
    pub fn skey(&self) -> Secret<String> {
        let seed = self.secret.get(..Seed::BYTES).unwrap_or_default();
        let bytes = Secret::new([&[KeyKind::Cosignature.byte()], seed].concat());
        let (name, id) = (self.key.name(), self.key.id());
        let key = Secret::new(STANDARD.encode(bytes.expose()));
        Secret::new(format!("{PREFIX}{name}+{id:08x}+{}", key.expose()))
    }

    /// By what others verify it.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Cosigns a checkpoint with this text; `time` in POSIX seconds.
    pub fn cosign(&self, time: u64, text: &str) -> NoteSignature {
        let message = cosigned_message(time, text);
        let signature = *self.secret.sign(message.as_bytes(), None);
        Cosignature { time, signature }.note_signature(&self.key)
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({})", self.key)
    }
}
