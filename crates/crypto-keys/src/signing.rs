//! Ed25519 (RFC 8032) keys that sign within the service.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use vutf_kernel::{KeyId, Secret, Timestamp};

use crate::{CryptoError, KeyState};

/// Bytes of a signature.
pub(crate) const SIGNATURE: usize = 64;

/// A signature and what is needed to check it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The key that made it.
    pub key_id: KeyId,
    /// Its public half.
    pub public_key: [u8; 32],
    /// The signature.
    pub bytes: [u8; SIGNATURE],
}

/// A key whose signatures are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    /// The key.
    pub key_id: KeyId,
    /// Its version.
    pub version: u32,
    /// Active or deactivated.
    pub state: KeyState,
    /// The public key.
    pub public_key: [u8; 32],
    /// When it began to sign.
    pub activated_at: Option<Timestamp>,
}

/// A key pair in memory.
pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    public_key: [u8; 32],
}

impl Signer {
    pub(crate) fn from_seed(seed: &Secret<[u8; 32]>) -> Result<Self, CryptoError> {
        let failed = CryptoError::Primitive("Ed25519");
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| failed.clone())?;
        let public_key = pair.public_key().as_ref().try_into().map_err(|_| failed)?;
        Ok(Self { pair, public_key })
    }

    pub(crate) fn public_key(&self) -> [u8; 32] {
        self.public_key
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE], CryptoError> {
        let failed = CryptoError::Primitive("Ed25519");
        let signature = self.pair.try_sign(message).map_err(|_| failed.clone())?;
        signature.as_ref().try_into().map_err(|_| failed)
    }
}

/// Whether `signature` is `public_key`'s over `message`.
pub(crate) fn verify(public_key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key)
        .verify(message, signature)
        .is_ok()
}
