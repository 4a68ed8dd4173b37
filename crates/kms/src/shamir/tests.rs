use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use vutf_kernel::OsEntropy;

use super::*;

const KEK: &str = "5e3f0d6c-5d0a-4a5e-9a51-0123456789ab";

fn shares(key: [u8; KEY], threshold: u8, of: u8) -> Vec<Share> {
    split(KEK, &Secret::new(key), threshold, of, &mut OsEntropy).unwrap()
}

#[test]
fn every_choice_is_visited_once() {
    for (size, of, expected) in [(2, 2, 1), (2, 5, 10), (3, 5, 10), (8, 16, 12_870)] {
        let mut choice: Vec<usize> = (0..size).collect();
        let mut seen = BTreeSet::from([choice.clone()]);
        while next_choice(&mut choice, of) {
            assert!(choice.iter().all(|at| *at < of) && choice.is_sorted());
            assert!(seen.insert(choice.clone()), "{choice:?} twice");
        }
        assert_eq!(seen.len(), expected);
    }
}

/// For every value of one secret byte and every random coefficient, what one share of a 2-of-n split holds: over all
/// coefficients, each byte value comes exactly once, whatever the secret. So one share tells nothing, by construction.
#[test]
fn one_share_of_two_is_the_same_distribution_for_every_secret() {
    for secret in 0..=u8::MAX {
        for x in 1..=MAX_SHARES {
            let values: BTreeSet<u8> = (0..=u8::MAX)
                .map(|coefficient| gf256::evaluate(&[secret, coefficient], x))
                .collect();
            assert_eq!(values.len(), 256, "secret {secret}, share {x}");
        }
    }
}

/// The same for two shares of three: each pair of values comes exactly once over all pairs of coefficients.
#[test]
fn two_shares_of_three_are_the_same_distribution_for_every_secret() {
    for secret in [0, 1, 0x5A, 0xFF] {
        let mut seen = vec![false; 1 << 16];
        for a in 0..=u8::MAX {
            for b in 0..=u8::MAX {
                let coefficients = [secret, a, b];
                let pair = [2, 5].map(|x| gf256::evaluate(&coefficients, x));
                let slot = &mut seen[usize::from(u16::from_be_bytes(pair))];
                assert!(!*slot, "a pair twice");
                *slot = true;
            }
        }
        assert!(seen.iter().all(|seen| *seen));
    }
}

/// Gives one byte forever.
struct Constant(u8);

impl Entropy for Constant {
    fn fill(&mut self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

#[test]
fn a_leading_coefficient_of_zero_is_as_good_as_any() {
    let made = split(KEK, &Secret::new([7; KEY]), 3, 5, &mut Constant(0)).unwrap();
    assert!(made.iter().all(|share| share.part == Secret::new([7; KEY])));
    assert_eq!(join(&made[2..]).unwrap().key, Secret::new([7; KEY]));
}

#[test]
fn the_bytes_are_spread_evenly() {
    // 96 000 bytes of shares of one constant key: with 256 values, a mean of 375 each and a deviation of 19.4.
    let mut counts: BTreeMap<u8, u32> = BTreeMap::new();
    for _ in 0..1000 {
        for share in &shares([0; KEY], 2, 3) {
            for byte in share.part.expose() {
                *counts.entry(*byte).or_default() += 1;
            }
        }
    }
    let far: Vec<_> = counts
        .iter()
        .filter(|(_, count)| count.abs_diff(375) > 155)
        .collect();
    assert!(counts.len() == 256 && far.is_empty(), "eight deviations: {far:?}");
}

#[test]
fn a_changed_part_is_named_when_there_is_one_share_more() {
    let mut given = shares([3; KEY], 3, 6);
    for wrong in 0..4 {
        let mut four = given[..4].to_vec();
        let mut part = *four[wrong].part.expose();
        part[31] ^= 1;
        four[wrong].part = Secret::new(part);
        let index = four[wrong].index;
        assert_eq!(join(&four).unwrap_err(), ShareError::NotAuthentic(index));
        if wrong < 3 {
            assert_eq!(join(&four[..3]).unwrap_err(), ShareError::NoKey);
        }
    }
    given[1].terms.check[0] ^= 1;
    assert_eq!(
        join(&given).unwrap_err(),
        ShareError::Disagree { index: 2, first: 1 }
    );
    given[1].terms = given[0].terms;
    given[1].index = 1;
    assert_eq!(join(&given).unwrap_err(), ShareError::Contradiction(1));
}

#[test]
fn lower_terms_than_the_ceremonys_are_refused() {
    let mut given = shares([3; KEY], 3, 5);
    for share in &mut given {
        share.terms.threshold = 2;
    }
    assert_eq!(join(&given[..2]).unwrap_err(), ShareError::NoKey);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_threshold_of_them_join_and_one_less_never_does(
        key: [u8; KEY],
        (threshold, of) in (2..=MAX_SHARES).prop_flat_map(|of| (2..=of, Just(of))),
        seed: u64,
    ) {
        let mut given = shares(key, threshold, of);
        // Some order, some choice.
        given.sort_by_key(|share| (u64::from(share.index) + 1).wrapping_mul(seed | 1) >> 7);
        given.truncate(usize::from(threshold));
        let joined = join(&given).unwrap();
        prop_assert_eq!((joined.kek_id.as_str(), &joined.key), (KEK, &Secret::new(key)));
        given.pop();
        let (given_now, needed) = (given.len(), threshold);
        prop_assert_eq!(
            join(&given).unwrap_err(),
            ShareError::TooFew { given: given_now, threshold: needed }
        );
        // Nor does it when the threshold is lied about: the check value does not match.
        if threshold > 2 {
            for share in &mut given {
                share.terms.threshold = threshold - 1;
            }
            prop_assert_eq!(join(&given).unwrap_err(), ShareError::NoKey);
        }
    }
}
