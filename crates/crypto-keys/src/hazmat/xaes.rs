//! XAES-256-GCM (C2SP): AES-256-GCM under a key that CMAC-AES-256 derives from half of a 192-bit nonce.
//!
//! The names are those of <https://c2sp.org/XAES-256-GCM>. A CMAC of one whole block is one call of the block cipher, so both
//! halves of the derived key are two blocks under the key itself; `cmac_of_aws_lc_derives_the_same` holds this against
//! the library's CMAC.

use aws_lc_rs::{
    aead::AES_256_GCM,
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
};
use vutf_kernel::Secret;
use zeroize::Zeroizing;

use super::{
    KEY, NONCE, TAG,
    ietf::{self, SHORT_NONCE},
};
use crate::CryptoError;

const BLOCK: usize = 16;
const FAILED: CryptoError = CryptoError::Primitive("AES-256");

/// A key with what is worked out once: its schedule, and the CMAC subkey.
pub(crate) struct XaesKey {
    block_cipher: EncryptingKey,
    k1: Zeroizing<[u8; BLOCK]>,
}

impl XaesKey {
    /// Steps 1 and 2.
    pub(crate) fn new(key: &[u8; KEY]) -> Result<Self, CryptoError> {
        let key = UnboundCipherKey::new(&AES_256, key).map_err(|_| FAILED)?;
        let block_cipher = EncryptingKey::ecb(key).map_err(|_| FAILED)?;
        let mut k1 = Zeroizing::new([0_u8; BLOCK]);
        encrypt_blocks(&block_cipher, k1.as_mut_slice())?;
        *k1 = doubled(*k1);
        Ok(Self { block_cipher, k1 })
    }

    /// Encrypts `buffer` in place.
    pub(crate) fn encrypt(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG], CryptoError> {
        let (key, nonce) = self.derived(nonce)?;
        ietf::encrypt(&AES_256_GCM, &key, nonce, aad, buffer)
    }

    /// The plaintext, if the tag is right.
    pub(crate) fn decrypt(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        let (key, nonce) = self.derived(nonce)?;
        ietf::decrypt(&AES_256_GCM, &key, nonce, aad, ciphertext, tag)
    }

    /// Steps 3 to 6: Kₓ and Nₓ.
    fn derived(&self, nonce: &[u8; NONCE]) -> Result<(Zeroizing<[u8; KEY]>, [u8; SHORT_NONCE]), CryptoError> {
        let (context, rest) = nonce.split_at(SHORT_NONCE);
        let mut key = Zeroizing::new([0_u8; KEY]);
        for (counter, block) in (1_u8..).zip(key.chunks_exact_mut(BLOCK)) {
            let label = [0, counter, b'X', 0];
            let message = label.iter().chain(context);
            for ((to, from), mask) in block.iter_mut().zip(message).zip(self.k1.iter()) {
                *to = from ^ mask;
            }
        }
        encrypt_blocks(&self.block_cipher, key.as_mut_slice())?;
        let mut short = [0_u8; SHORT_NONCE];
        short.copy_from_slice(rest);
        Ok((key, short))
    }
}

fn encrypt_blocks(key: &EncryptingKey, blocks: &mut [u8]) -> Result<(), CryptoError> {
    key.less_safe_encrypt(blocks, EncryptionContext::None)
        .map(|_| ())
        .map_err(|_| FAILED)
}

/// Multiplication by x in GF(2^128) (SP 800-38B, section 6.1), without a branch on the secret.
fn doubled(block: [u8; BLOCK]) -> [u8; BLOCK] {
    let value = u128::from_be_bytes(block);
    let carry = value >> 127;
    ((value << 1) ^ (carry * 0x87)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::cmac;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cmac_of_aws_lc_derives_the_same(key: [u8; KEY], nonce: [u8; NONCE]) {
            let (derived, short) = XaesKey::new(&key).unwrap().derived(&nonce).unwrap();
            let cmac_key = cmac::Key::new(cmac::AES_256, &key).unwrap();
            let half = |counter: u8| {
                let message = [&[0, counter, b'X', 0], &nonce[..12]].concat();
                cmac::sign(&cmac_key, &message).unwrap().as_ref().to_vec()
            };
            prop_assert_eq!(derived.to_vec(), [half(1), half(2)].concat());
            prop_assert_eq!(&short[..], &nonce[12..]);
        }
    }
}
