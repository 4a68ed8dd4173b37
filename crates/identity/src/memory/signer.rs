//! Ed25519 keys that live in the process.

use std::sync::{PoisonError, RwLock};

use ed25519_compact::{KeyPair, Seed};
use vutf_kernel::{Entropy, PortError, Secret};

use crate::token::{Signed, TokenSigner};

/// Signs with the newest of its keys and verifies with all of them.
pub struct MemorySigner {
    seeds: RwLock<Vec<Secret<[u8; 32]>>>,
}

impl MemorySigner {
    /// With one fresh key.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self::from_seed(Secret::new(entropy.bytes()))
    }
    /// With the key of an Ed25519 seed.
    pub fn from_seed(seed: Secret<[u8; 32]>) -> Self {
        Self {
            seeds: RwLock::new(vec![seed]),
        }
    }
    /// Makes a new key the active one; tokens of the old ones stay good.
    pub fn rotate(&self, entropy: &mut dyn Entropy) {
        let seed = Secret::new(entropy.bytes());
        self.seeds
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(0, seed);
    }

    fn pairs(&self) -> Vec<KeyPair> {
        let seeds = self.seeds.read().unwrap_or_else(PoisonError::into_inner);
        let pair = |seed: &Secret<[u8; 32]>| KeyPair::from_seed(Seed::new(*seed.expose()));
        seeds.iter().map(pair).collect()
    }
    fn newest(&self) -> Result<KeyPair, PortError> {
        let newest = self.pairs().into_iter().next();
        newest.ok_or_else(|| PortError::other("token.sign", "there is no signing key"))
    }
}

impl TokenSigner for MemorySigner {
    fn active(&self) -> Result<[u8; 32], PortError> {
        Ok(*self.newest()?.pk)
    }
    fn sign(&self, message: &[u8]) -> Result<Signed, PortError> {
        let pair = self.newest()?;
        Ok(Signed {
            public_key: *pair.pk,
            signature: *pair.sk.sign(message, None),
        })
    }
    fn verifying(&self) -> Vec<[u8; 32]> {
        self.pairs().iter().map(|pair| *pair.pk).collect()
    }
}
