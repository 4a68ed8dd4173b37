//! Lists of passwords that are guessed first, as sorted prefixes of hashes: a fifth of the words' size, looked up in place.
//!
//! The file, all numbers big-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `vutf-pw1` |
//! | 1 | width of a prefix in bytes, 3 to 8 |
//! | 3 | zero |
//! | 4 | number of prefixes |
//! | number × width | prefixes of SHA-256(`vutf/common-password/v1` 0x00 word), strictly ascending |
//! | 32 | SHA-256 of all that stands before, against accidents |
//!
//! A word is put in, and looked up, in its NFC form and lower case. A password that is not in the list is taken for one with the
//! probability number / 256^width; one that is in the list is always found.

use std::{borrow::Cow, fmt};

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use vutf_kernel::Secret;

/// `data/README.md` says where it comes from.
const BUILT_IN: &[u8] = include_bytes!("../../data/common-passwords.bin");
const MAGIC: &[u8; 8] = b"vutf-pw1";
const HEADER: usize = 16;
const DIGEST: usize = 32;

/// A list of passwords that nobody may have.
#[derive(Clone)]
pub struct Blocklist {
    width: usize,
    prefixes: Cow<'static, [u8]>,
}

/// Why a file is no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlocklistError {
    /// Another kind of file, or another version.
    #[error("it does not begin like a list of passwords")]
    Header,
    /// Cut off, or with something after its end.
    #[error("its length is not the one that it names")]
    Length,
    /// Its checksum is another one.
    #[error("it is damaged")]
    Checksum,
    /// A lookup would miss what is in it.
    #[error("its entries are not in order")]
    Order,
    /// A prefix has 3 to 8 bytes.
    #[error("use prefixes of 3 to 8 bytes")]
    Width,
    /// More words than can be counted, or so many that they fill the space of the prefixes.
    #[error("there are too many words for prefixes so short")]
    TooMany,
}

impl fmt::Debug for Blocklist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blocklist({} prefixes of {} bytes)", self.len(), self.width)
    }
}

impl Blocklist {
    /// The list that comes with this crate.
    pub fn built_in() -> Self {
        // Whole, as `decode` would find: a test holds it to that.
        let body = BUILT_IN.get(HEADER..BUILT_IN.len().saturating_sub(DIGEST));
        Self {
            width: BUILT_IN.get(8).copied().map_or(8, usize::from).max(1),
            prefixes: Cow::Borrowed(body.unwrap_or_default()),
        }
    }

    /// Reads a file.
    pub fn decode(file: &[u8]) -> Result<Self, BlocklistError> {
        let (header, rest) = file.split_at_checked(HEADER).ok_or(BlocklistError::Header)?;
        let [magic @ .., width, 0, 0, 0, a, b, c, d] = header else {
            return Err(BlocklistError::Header);
        };
        let width = usize::from(*width);
        if magic != MAGIC || !(3..=8).contains(&width) {
            return Err(BlocklistError::Header);
        }
        let count = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let length = count.checked_mul(width).ok_or(BlocklistError::Length)?;
        if rest.len().checked_sub(DIGEST) != Some(length) {
            return Err(BlocklistError::Length);
        }
        let (body, digest) = rest.split_at(length);
        if Sha256::digest(&file[..HEADER + length])[..] != *digest {
            return Err(BlocklistError::Checksum);
        }
        let list = Self {
            width,
            prefixes: Cow::Owned(body.to_vec()),
        };
        let ascending = (1..count).all(|at| list.prefix(at - 1) < list.prefix(at));
        ascending.then_some(list).ok_or(BlocklistError::Order)
    }

    /// The file that lists `words`, whatever their order.
    pub fn encode<'a>(
        words: impl IntoIterator<Item = &'a str>,
        width: usize,
    ) -> Result<Vec<u8>, BlocklistError> {
        if !(3..=8).contains(&width) {
            return Err(BlocklistError::Width);
        }
        let digests = words.into_iter().map(digest);
        let mut prefixes: Vec<Vec<u8>> = digests.map(|digest| digest[..width].to_vec()).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        let count = u32::try_from(prefixes.len()).map_err(|_| BlocklistError::TooMany)?;
        // A hundredth of the space: more would refuse a hundredth of all good passwords.
        let space = 1_u64 << (8 * width.min(7));
        if u64::from(count) > space / 100 {
            return Err(BlocklistError::TooMany);
        }
        let mut file = MAGIC.to_vec();
        file.extend([u8::try_from(width).unwrap_or(u8::MAX), 0, 0, 0]);
        file.extend(count.to_be_bytes());
        file.extend(prefixes.concat());
        let checksum = Sha256::digest(&file);
        file.extend_from_slice(&checksum);
        Ok(file)
    }

    /// Whether it lists `password`.
    pub fn contains(&self, password: &str) -> bool {
        let digest = digest(password);
        let wanted = &digest[..self.width.min(digest.len())];
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.prefix(middle).cmp(wanted) {
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        false
    }

    /// How many prefixes it has.
    pub fn len(&self) -> usize {
        self.prefixes.len() / self.width
    }
    /// Whether it lists nothing.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }
    /// The probability that a password which is not in it is taken for one that is.
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no 64 bits")]
    pub fn false_positive_rate(&self) -> f64 {
        self.len() as f64 / 256_f64.powf(self.width as f64)
    }

    fn prefix(&self, at: usize) -> &[u8] {
        let start = at * self.width;
        self.prefixes.get(start..start + self.width).unwrap_or_default()
    }
}

fn digest(word: &str) -> [u8; 32] {
    let folded = Secret::new(word.nfc().collect::<String>().to_lowercase());
    Sha256::new()
        .chain_update(b"vutf/common-password/v1\0")
        .chain_update(folded.expose().as_bytes())
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(words: &[&str], width: usize) -> Blocklist {
        Blocklist::decode(&Blocklist::encode(words.iter().copied(), width).unwrap()).unwrap()
    }

    #[test]
    fn the_list_of_this_crate_is_whole_and_finds_what_is_in_it() {
        let decoded = Blocklist::decode(BUILT_IN).unwrap();
        let built_in = Blocklist::built_in();
        assert_eq!(decoded.prefixes, built_in.prefixes);
        assert_eq!(decoded.width, built_in.width);
        assert!(built_in.len() > 50_000, "{built_in:?}");
        for word in [
            "password",
            "PassWord",
            "qwerty123456789",
            "1q2w3e4r5t6y7u8i9o0p",
            "пароль",
        ] {
            assert!(built_in.contains(word), "{word}");
        }
        for word in ["correct horse battery staple", "", "seven quiet copper lanterns"] {
            assert!(!built_in.contains(word), "{word}");
        }
    }

    /// The rate that the documentation states, measured: 55,860 / 2^32 is one in 76,888.
    #[test]
    fn the_rate_of_false_positives_is_as_stated() {
        let built_in = Blocklist::built_in();
        let stated = built_in.false_positive_rate();
        assert!((1.29e-5..1.31e-5).contains(&stated), "{stated}");
        let found = (0..100_000_u32)
            .filter(|number| built_in.contains(&format!("no such word {number}")))
            .count();
        // 1.3 are expected; 12 would be a chance of one in a hundred million.
        assert!(found < 12, "{found} of 100000");
    }

    #[test]
    fn case_and_normal_form_do_not_matter() {
        let list = list(&["Café au lait"], 4);
        assert!(list.contains("CAFE\u{301} AU LAIT"));
        assert!(!list.contains("cafe au lait"));
    }

    #[test]
    fn a_file_that_is_not_whole_is_refused() {
        let file = Blocklist::encode(["one", "two", "three"], 4).unwrap();
        let spoil = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut spoilt = file.clone();
            change(&mut spoilt);
            Blocklist::decode(&spoilt).unwrap_err()
        };
        assert_eq!(spoil(&|file| file[0] = b'V'), BlocklistError::Header);
        assert_eq!(spoil(&|file| file[8] = 9), BlocklistError::Header);
        assert_eq!(spoil(&|file| file[9] = 1), BlocklistError::Header);
        assert_eq!(spoil(&|file| file[12] = 255), BlocklistError::Length);
        assert_eq!(spoil(&|file| file.push(0)), BlocklistError::Length);
        assert_eq!(spoil(&|file| file.truncate(20)), BlocklistError::Length);
        assert_eq!(spoil(&|file| file[17] ^= 1), BlocklistError::Checksum);
        let swapped = spoil(&|file| {
            let (one, two) = (file[16..20].to_vec(), file[20..24].to_vec());
            file[16..20].copy_from_slice(&two);
            file[20..24].copy_from_slice(&one);
            let end = file.len() - DIGEST;
            let checksum = Sha256::digest(&file[..end]);
            file[end..].copy_from_slice(&checksum);
        });
        assert_eq!(swapped, BlocklistError::Order);
    }

    #[test]
    fn what_would_refuse_too_many_good_passwords_is_not_written() {
        assert_eq!(Blocklist::encode(["a"], 2), Err(BlocklistError::Width));
        let words: Vec<String> = (0..170_000).map(|number| number.to_string()).collect();
        let crowded = Blocklist::encode(words.iter().map(String::as_str), 3);
        assert_eq!(crowded, Err(BlocklistError::TooMany));
    }

    proptest! {
        #[test]
        fn what_was_put_in_is_found(words in proptest::collection::vec(".{0,20}", 0..50), width in 3_usize..=8) {
            let file = Blocklist::encode(words.iter().map(String::as_str), width).unwrap();
            let list = Blocklist::decode(&file).unwrap();
            for word in &words {
                prop_assert!(list.contains(word));
            }
        }
        #[test]
        fn reading_a_file_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), count in 0_u8..20) {
            let _ = Blocklist::decode(&bytes);
            let mut file = b"vutf-pw1\x04\0\0\0\0\0\0".to_vec();
            file.push(count);
            file.extend(bytes);
            let _ = Blocklist::decode(&file);
        }
        #[test]
        fn a_changed_byte_is_noticed(at in 0_usize..200, bit in 0_u8..8) {
            let words = ["one", "two", "three", "four", "five"];
            let mut file = Blocklist::encode(words, 4).unwrap();
            let at = at % file.len();
            file[at] ^= 1 << bit;
            prop_assert!(Blocklist::decode(&file).is_err());
        }
    }
}
