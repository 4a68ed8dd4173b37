//! The primitives against Project Wycheproof: every valid case reproduces, every invalid one is refused, and how many were
//! run is a table in `docs/security/test-vectors.md` that these tests hold fresh.

mod aead;
mod eddsa;
mod hashes;
mod table;

use wycheproof::TestResult;

/// What became of the cases of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Valid cases that came out as published.
    pub(super) reproduced: usize,
    /// Invalid cases that were refused.
    refused: usize,
    /// Cases outside of what this crate can be asked for.
    not_expressible: usize,
}

impl Tally {
    fn cases(&self) -> usize {
        self.reproduced + self.refused + self.not_expressible
    }
}

/// Whether the case must come out. No file used here has cases that an implementation may choose about.
fn is_valid(result: TestResult) -> bool {
    assert_ne!(result, TestResult::Acceptable);
    result == TestResult::Valid
}
