//! Hashes that others made, made anew by `tests/data/foreign-hashes.py`.

use serde::Deserialize;
use vutf_identity::password::{Argon2Params, Argon2Scheme, ImportedHash};

use crate::support::secret;

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) made_by: String,
    pub(crate) scheme: String,
    pub(crate) password: String,
    pub(crate) hash: String,
}

pub(crate) fn cases() -> Vec<Case> {
    let text = include_str!("../data/foreign-hashes.json");
    serde_json::from_str::<Cases>(text).unwrap().cases
}

#[test]
fn a_hash_of_another_system_verifies_and_is_to_be_replaced() {
    let scheme = Argon2Scheme::new(Argon2Params::floor(), 1);
    let cases = cases();
    assert!(cases.len() > 50);
    for case in cases {
        let what = format!("{}: {}", case.made_by, case.hash);
        let imported = ImportedHash::parse(&case.hash).unwrap();
        assert_eq!(imported.scheme(), case.scheme, "{what}");
        let verify = |password: &str| scheme.verify(&secret(password), Some(imported.text())).unwrap();
        let right = verify(&case.password);
        assert!(right.matches && right.outdated, "{what}");
        // What comes after 72 bytes, bcrypt never saw.
        let wrong = format!("x{}", case.password);
        assert!(!verify(&wrong).matches, "{what}");
        assert!(!verify(&format!("{}\0", case.password)).matches, "{what}");
    }
}

#[test]
fn a_damaged_hash_is_a_failure_and_no_match() {
    let scheme = Argon2Scheme::new(Argon2Params::floor(), 1);
    for case in cases() {
        // Two characters may be padding.
        for cut in [3, 5, 20] {
            let text = &case.hash[..case.hash.len() - cut];
            if let Ok(found) = scheme.verify(&secret(&case.password), Some(&secret(text))) {
                assert!(!found.matches, "{}: {text}", case.made_by);
            }
        }
    }
}
