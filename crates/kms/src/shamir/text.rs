//! A share as text, to be printed, kept as a file, and typed in again.
//!
//! ```text
//! 1: 04C1G5R0 ZK3X… 8 characters, four groups, and two check letters          CC
//! ```
//!
//! Four lines of 20 bytes in Crockford's base 32: no `I`, `L`, `O`, `U`; what looks like one of them is read as what was meant.
//! The bytes: version 1, threshold, shares, index, id of the key 16, set 8, check value 16, part 32, checksum 4. The check
//! letters (10 bits of SHA-256 over the line's number and bytes) tell at once which line was misread.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use vutf_kernel::Secret;
use zeroize::{Zeroize as _, Zeroizing};

use super::{CHECK, KEY, SET, Share, ShareError, Terms, are_terms};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const VERSION: u8 = 1;
const LINES: usize = 4;
const LINE: usize = 20;
const CHECKSUM: usize = 4;
const LEN: usize = LINES * LINE;
const LINE_DOMAIN: &[u8] = b"vutf/share-line/v1";
const SHARE_DOMAIN: &[u8] = b"vutf/share/v1";

impl Share {
    /// What is printed or written to a file: a heading that holds no secret, and the four lines.
    pub fn to_text(&self) -> Zeroizing<String> {
        let (index, shares, threshold) = (self.index, self.terms.shares, self.terms.threshold);
        let (kek_id, set) = (self.kek_id(), self.set_id());
        // Room enough from the start: growing would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(1024));
        let _infallible = write!(
            text,
            "# Share {index} of {shares} of the key-encryption key {kek_id}\n\
             # Set {set}. Any {threshold} shares of the set give the key: keep this one secret, and apart from the others.\n"
        );
        let bytes = self.bytes();
        for (number, line) in (1_u8..).zip(bytes.chunks(LINE)) {
            let _infallible = write!(text, "{number}:");
            for group in line.chunks(5) {
                text.push(' ');
                push_base32(&mut text, group);
            }
            let [one, two] = check_letters(number, line);
            text.push(' ');
            text.push(one);
            text.push(two);
            text.push('\n');
        }
        text
    }

    /// Reads one share; lines that are empty or begin with `#` are passed over.
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        let mut found = Self::parse_all(text)?;
        match (found.pop(), found.is_empty()) {
            (Some(share), true) => Ok(share),
            _ => Err(ShareError::Text("there are several in one text")),
        }
    }

    /// Reads shares that stand one after another.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, ShareError> {
        let mut reader = ShareReader::default();
        let mut shares = Vec::new();
        for line in text.lines() {
            shares.extend(reader.line(line)?);
        }
        if reader.next_line() != 1 || shares.is_empty() {
            return Err(ShareError::Text("it has not all four lines"));
        }
        Ok(shares)
    }

    fn bytes(&self) -> Zeroizing<Vec<u8>> {
        let Terms {
            threshold,
            shares,
            kek_id,
            set,
            check,
        } = &self.terms;
        let mut bytes = Zeroizing::new(Vec::with_capacity(LEN));
        bytes.extend_from_slice(&[VERSION, *threshold, *shares, self.index]);
        bytes.extend_from_slice(kek_id.as_bytes());
        bytes.extend_from_slice(set);
        bytes.extend_from_slice(check);
        bytes.extend_from_slice(self.part.expose());
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    fn from_bytes(bytes: &[u8; LEN]) -> Result<Self, ShareError> {
        let short = || ShareError::Text("it is too short");
        let (head, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or_else(short)?;
        if checksum(head) != *sum {
            return Err(ShareError::Checksum);
        }
        let ([version, threshold, shares, index], rest) = head.split_first_chunk().ok_or_else(short)?;
        if *version != VERSION {
            return Err(ShareError::Version(*version));
        }
        let (kek_id, rest) = rest.split_first_chunk::<16>().ok_or_else(short)?;
        let (set, rest) = rest.split_first_chunk::<SET>().ok_or_else(short)?;
        let (check, rest) = rest.split_first_chunk::<CHECK>().ok_or_else(short)?;
        let (part, _) = rest.split_first_chunk::<KEY>().ok_or_else(short)?;
        if !are_terms(*threshold, *shares) || !(1..=*shares).contains(index) {
            return Err(ShareError::Text("its numbers are out of bounds"));
        }
        Ok(Self {
            terms: Terms {
                threshold: *threshold,
                shares: *shares,
                kek_id: uuid::Uuid::from_bytes(*kek_id),
                set: *set,
                check: *check,
            },
            index: *index,
            part: Secret::new(*part),
        })
    }
}

/// Reads shares line by line, so that a line that was misread is told while it is at hand.
#[derive(Default)]
pub struct ShareReader {
    bytes: Zeroizing<Vec<u8>>,
}

impl ShareReader {
    /// The number of the line that is expected next, from 1 to 4.
    pub fn next_line(&self) -> u8 {
        u8::try_from(self.bytes.len() / LINE)
            .unwrap_or(0)
            .saturating_add(1)
    }

    /// Takes a line; answers the share that it completes. A line that is refused changes nothing. Empty lines and those that
    /// begin with `#` are passed over; the number before the colon may be left out.
    pub fn line(&mut self, text: &str) -> Result<Option<Share>, ShareError> {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let expected = self.next_line();
        let letters = match text.split_once(':') {
            Some((number, rest)) if number.trim() == expected.to_string() => rest,
            Some(_) => return Err(ShareError::Text("its lines are not in the order 1, 2, 3, 4")),
            None => text,
        };
        let line = decode_line(expected, letters)?;
        if self.bytes.capacity() < LEN {
            self.bytes.reserve_exact(LEN);
        }
        self.bytes.extend_from_slice(line.as_slice());
        if self.bytes.len() < LEN {
            return Ok(None);
        }
        let mut whole = Zeroizing::new([0_u8; LEN]);
        whole.copy_from_slice(&self.bytes);
        self.bytes.zeroize();
        Share::from_bytes(&whole).map(Some)
    }
}

fn decode_line(number: u8, text: &str) -> Result<Zeroizing<[u8; LINE]>, ShareError> {
    let characters = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let mut line = Zeroizing::new([0_u8; LINE]);
    let mut check = ['0'; 2];
    let (mut bits, mut held, mut read) = (0_u16, 0_u32, 0_usize);
    let mut bytes = line.iter_mut();
    for character in characters {
        let value = value_of(character).ok_or(ShareError::Line(number))?;
        if read >= LINE * 8 / 5 {
            let slot = check
                .get_mut(read - LINE * 8 / 5)
                .ok_or(ShareError::Line(number))?;
            *slot = letter(value);
            read += 1;
            continue;
        }
        read += 1;
        bits = bits << 5 | u16::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            if let Some(byte) = bytes.next() {
                let [_, low] = (bits >> held).to_be_bytes();
                *byte = low;
            }
            bits &= (1 << held) - 1;
        }
    }
    bits.zeroize();
    if read == LINE * 8 / 5 + check.len() && check_letters(number, line.as_slice()) == check {
        Ok(line)
    } else {
        Err(ShareError::Line(number))
    }
}

/// Five bytes as eight characters.
fn push_base32(text: &mut String, group: &[u8]) {
    let mut bits = group
        .iter()
        .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    for at in (0..8).rev() {
        let value = u8::try_from(bits >> (5 * at) & 31).unwrap_or_default();
        text.push(letter(value));
    }
    bits.zeroize();
}

fn letter(value: u8) -> char {
    char::from(ALPHABET.get(usize::from(value)).copied().unwrap_or(b'?'))
}

fn value_of(character: char) -> Option<u8> {
    let upper = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let at = ALPHABET.iter().position(|known| char::from(*known) == upper)?;
    u8::try_from(at).ok()
}

fn check_letters(number: u8, line: &[u8]) -> [char; 2] {
    let mut hash = Sha256::new();
    hash.update(LINE_DOMAIN);
    hash.update([number]);
    hash.update(line);
    let digest: [u8; 32] = hash.finalize().into();
    let [one, two, ..] = digest;
    [letter(one & 31), letter(two & 31)]
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut hash = Sha256::new();
    hash.update(SHARE_DOMAIN);
    hash.update(bytes);
    let digest: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}
