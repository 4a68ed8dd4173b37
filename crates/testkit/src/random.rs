//! Random names and passwords for what tests make.

use vutf_kernel::{Entropy, OsEntropy};

/// `N` random bytes in hexadecimal, in lower case: fit for a database's name, a password, or a key prefix.
pub fn hex<const N: usize>() -> String {
    let entropy: &mut dyn Entropy = &mut OsEntropy;
    entropy
        .bytes::<N>()
        .iter()
        .fold(String::with_capacity(2 * N), |mut text, byte| {
            for digit in [byte >> 4, byte & 0xf] {
                text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
            }
            text
        })
}

/// Random bytes, for a key or an id.
pub fn bytes<const N: usize>() -> [u8; N] {
    let entropy: &mut dyn Entropy = &mut OsEntropy;
    entropy.bytes::<N>()
}
