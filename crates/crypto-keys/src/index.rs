//! Blind indexes: equality search over encrypted columns.
//!
//! A full index is as unique as the value, so a column of few values shows how often each occurs. Such a column gets a
//! truncated index, planned by [`crate::truncation`]: rows of different values share it, and the store decrypts and
//! compares what it found.
//!
//! While an index key is rotated two versions are live. A row is written under the newest active one and looked up under
//! all. What is pre-active here is looked up too: a replica that knows it as active writes under it already.

use crate::truncation::Bits;

/// `HMAC-SHA-256(K[tenant, table, column, version], canonical value)`: equal values have equal indexes under one version,
/// and without the key nothing can be told or guessed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlindIndex {
    /// The version of the index key; stored beside the value, so that two versions can be looked up during a rotation.
    pub version: u32,
    /// The index.
    pub value: [u8; 32],
}

/// The first bits of a blind index, for a column of few values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TruncatedIndex {
    /// The version of the index key.
    pub version: u32,
    /// The bits, in as few bytes as hold them; what is left of the last byte is zero.
    pub value: Vec<u8>,
}

impl BlindIndex {
    /// Its first `bits`.
    #[must_use]
    pub fn truncated(&self, bits: Bits) -> TruncatedIndex {
        let whole = usize::from(bits.count() / 8);
        let rest = bits.count() % 8;
        let mut value: Vec<u8> = self.value.iter().copied().take(whole).collect();
        if rest > 0 {
            let mask = u8::MAX << (8 - rest);
            value.extend(self.value.get(whole).map(|byte| byte & mask));
        }
        TruncatedIndex {
            version: self.version,
            value,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn two_indexes_are_cut_to_the_same_if_and_only_if_their_first_bits_agree(
            one in any::<[u8; 32]>(), flip in 0_u16..256, count in 1_u8..=64,
        ) {
            let bits = Bits::new(count).unwrap();
            let mut other = one;
            other[usize::from(flip / 8)] ^= 0x80 >> (flip % 8);
            let cut = |value| BlindIndex { version: 3, value }.truncated(bits);
            prop_assert_eq!(cut(one) == cut(other), flip >= u16::from(count));
            prop_assert_eq!(cut(one).value.len(), usize::from(count.div_ceil(8)));
            prop_assert_eq!(cut(one).version, 3);
        }
    }
}
