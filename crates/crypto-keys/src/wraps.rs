//! What stands in a tenant key's `wrapped` column: the same key, wrapped under one or several key-encryption keys.
//!
//! ```text
//! magic 0xE6 | ver 1 | count u8 | count × ( LP(kek_id) LP(blob) )            LP = u32be length, then the bytes
//! ```
//!
//! One key has one encoding, and anything else is refused: no trailing bytes, no key-encryption key twice, every length
//! bounded before it is believed. The container has no MAC of its own; the row's covers it, under a key that only the wrapped
//! key gives.

use crate::CryptoError;

const MAGIC: u8 = 0xE6;
const VERSION: u8 = 1;

/// One wrapping of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrap {
    /// The key-encryption key that made it: 1 to [`Wraps::MAX_KEK_ID`] printable ASCII characters.
    pub kek_id: String,
    /// What its provider answered: 1 to [`Wraps::MAX_BLOB`] bytes.
    pub blob: Vec<u8>,
}

/// Wraps of one key, the primary's first; each under another key-encryption key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wraps(Vec<Wrap>);

impl Wraps {
    /// The most wraps of one key.
    pub const MAX: usize = 4;
    /// The longest id of a key-encryption key, in bytes.
    pub const MAX_KEK_ID: usize = 256;
    /// The longest single wrap, in bytes: AWS KMS answers up to 6144.
    pub const MAX_BLOB: usize = 8192;

    /// The container of `wraps`; [`CryptoError::Malformed`] when it could not be decoded again.
    pub fn new(wraps: Vec<Wrap>) -> Result<Self, CryptoError> {
        let bounded = (1..=Self::MAX).contains(&wraps.len())
            && wraps
                .iter()
                .all(|wrap| is_kek_id(&wrap.kek_id) && (1..=Self::MAX_BLOB).contains(&wrap.blob.len()));
        let twice = wraps
            .iter()
            .enumerate()
            .any(|(at, wrap)| wraps.iter().skip(at + 1).any(|other| other.kek_id == wrap.kek_id));
        if bounded && !twice {
            Ok(Self(wraps))
        } else {
            Err(CryptoError::Malformed)
        }
    }

    /// Reads a container.
    pub fn decode(bytes: &[u8]) -> Result<Self, CryptoError> {
        let Some(([MAGIC, VERSION, count], mut rest)) = bytes.split_first_chunk() else {
            return Err(CryptoError::Malformed);
        };
        if usize::from(*count) > Self::MAX {
            return Err(CryptoError::Malformed);
        }
        let mut wraps = Vec::with_capacity(Self::MAX);
        for _ in 0..*count {
            let kek_id = take(&mut rest, Self::MAX_KEK_ID)?;
            let kek_id = str::from_utf8(kek_id).map_err(|_| CryptoError::Malformed)?;
            wraps.push(Wrap {
                kek_id: kek_id.to_owned(),
                blob: take(&mut rest, Self::MAX_BLOB)?.to_vec(),
            });
        }
        if rest.is_empty() {
            Self::new(wraps)
        } else {
            Err(CryptoError::Malformed)
        }
    }

    /// The bytes; [`Wraps::decode`] reads these and no others.
    pub fn encode(&self) -> Vec<u8> {
        // Both lengths were bounded by `new`, far below what the casts can hold.
        let mut out = vec![MAGIC, VERSION, u8::try_from(self.0.len()).unwrap_or(u8::MAX)];
        for wrap in &self.0 {
            for part in [wrap.kek_id.as_bytes(), &wrap.blob] {
                out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
                out.extend_from_slice(part);
            }
        }
        out
    }

    /// The wraps, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Wrap> {
        self.0.iter()
    }

    /// The key-encryption keys that it names, in order.
    pub fn kek_ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|wrap| wrap.kek_id.as_str())
    }
}

/// 1 to [`Wraps::MAX_KEK_ID`] printable ASCII characters, no blanks: it stands in log lines and in columns.
pub(crate) fn is_kek_id(text: &str) -> bool {
    (1..=Wraps::MAX_KEK_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn take<'a>(rest: &mut &'a [u8], longest: usize) -> Result<&'a [u8], CryptoError> {
    let (length, after) = rest.split_first_chunk().ok_or(CryptoError::Malformed)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| CryptoError::Malformed)?;
    if length > longest {
        return Err(CryptoError::Malformed);
    }
    let (part, after) = after.split_at_checked(length).ok_or(CryptoError::Malformed)?;
    *rest = after;
    Ok(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrap(kek_id: &str, blob: &[u8]) -> Wrap {
        Wrap {
            kek_id: kek_id.to_owned(),
            blob: blob.to_vec(),
        }
    }

    fn wraps() -> impl Strategy<Value = Vec<Wrap>> {
        let one = ("[!-~]{1,40}", prop::collection::vec(any::<u8>(), 1..200));
        let one = one.prop_map(|(kek_id, blob)| Wrap { kek_id, blob });
        prop::collection::vec(one, 0..6)
    }

    #[test]
    fn it_reads_as_documented() {
        let bytes = Wraps::new(vec![wrap("a", &[1, 2]), wrap("b:c", &[3])])
            .unwrap()
            .encode();
        assert_eq!(
            bytes,
            [
                &[0xE6, 1, 2][..],
                &[0, 0, 0, 1, b'a', 0, 0, 0, 2, 1, 2],
                &[0, 0, 0, 3, b'b', b':', b'c', 0, 0, 0, 1, 3],
            ]
            .concat()
        );
        let read = Wraps::decode(&bytes).unwrap();
        assert_eq!(read.kek_ids().collect::<Vec<_>>(), ["a", "b:c"]);
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_whether_made_or_read() {
        let long = "x".repeat(Wraps::MAX_KEK_ID + 1);
        let cases = [
            vec![],
            vec![wrap("", b"x")],
            vec![wrap(&long, b"x")],
            vec![wrap("a b", b"x")],
            vec![wrap("a\n", b"x")],
            vec![wrap("ä", b"x")],
            vec![wrap("a", b"")],
            vec![wrap("a", &[0; Wraps::MAX_BLOB + 1])],
            vec![wrap("a", b"x"), wrap("b", b"x"), wrap("a", b"y")],
            ["a", "b", "c", "d", "e"].map(|id| wrap(id, b"x")).to_vec(),
        ];
        for case in cases {
            assert_eq!(Wraps::new(case.clone()), Err(CryptoError::Malformed), "{case:?}");
            let unchecked = Wraps(case).encode();
            assert_eq!(Wraps::decode(&unchecked), Err(CryptoError::Malformed));
        }
        let longest = wrap(&"x".repeat(Wraps::MAX_KEK_ID), &[7; Wraps::MAX_BLOB]);
        let fits = Wraps::new(vec![longest]).unwrap();
        assert_eq!(Wraps::decode(&fits.encode()), Ok(fits));
    }

    #[test]
    fn a_length_that_is_not_there_costs_no_memory() {
        let lie = [&[0xE6, 1, 1][..], &u32::MAX.to_be_bytes(), b"a"].concat();
        assert_eq!(Wraps::decode(&lie), Err(CryptoError::Malformed));
    }

    proptest! {
        #[test]
        fn what_is_made_is_read_back(list in wraps()) {
            if let Ok(made) = Wraps::new(list) {
                prop_assert_eq!(Wraps::decode(&made.encode()), Ok(made));
            }
        }

        #[test]
        fn only_the_one_encoding_is_read(list in wraps(), at in any::<prop::sample::Index>(), byte: u8, more: Vec<u8>) {
            let Ok(made) = Wraps::new(list) else { return Ok(()) };
            let mut bytes = made.encode();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.extend(more);
            if let Ok(read) = Wraps::decode(&bytes) {
                prop_assert_eq!(read.encode(), bytes);
            }
        }

        #[test]
        fn arbitrary_and_cut_bytes_are_refused_without_a_panic(bytes: Vec<u8>, list in wraps(), at in any::<prop::sample::Index>()) {
            if let Ok(read) = Wraps::decode(&bytes) {
                prop_assert_eq!(read.encode(), bytes);
            }
            if let Ok(made) = Wraps::new(list) {
                let whole = made.encode();
                prop_assert!(Wraps::decode(&whole[..at.index(whole.len())]).is_err());
            }
        }
    }
}
