//! A key in shares for several custodians: any `threshold` of them give it back, fewer tell nothing (Shamir, How to share a
//! secret, 1979), byte by byte over GF(2^8).
//!
//! A share names its set and its number, and carries a check value of the key. Parts of fewer shares than the threshold are
//! uniformly random whatever the key is; the check value rests on HKDF-SHA-512 and HMAC-SHA-256 under a 256-bit key.

mod error;
mod gf256;
mod text;

use std::fmt;

use vutf_crypto_keys::WrappingKey;
use vutf_kernel::{Entropy, Secret};
use zeroize::Zeroizing;

pub use error::ShareError;
pub use text::ShareReader;

const DOMAIN: &[u8] = b"vutf/shamir/v1";
const KEY: usize = 32;
const SET: usize = 8;
const CHECK: usize = 16;
/// The most shares of one key.
pub const MAX_SHARES: u8 = 16;

/// What all shares of one ceremony have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Terms {
    threshold: u8,
    shares: u8,
    kek_id: uuid::Uuid,
    set: [u8; SET],
    check: [u8; CHECK],
}

/// One custodian's share.
#[derive(Clone)]
pub struct Share {
    terms: Terms,
    index: u8,
    part: Secret<[u8; KEY]>,
}

impl Share {
    /// Its number, from 1.
    pub const fn index(&self) -> u8 {
        self.index
    }
    /// How many shares there are.
    pub const fn shares(&self) -> u8 {
        self.terms.shares
    }
    /// How many join the key.
    pub const fn threshold(&self) -> u8 {
        self.terms.threshold
    }
    /// The id of the key-encryption key.
    pub fn kek_id(&self) -> String {
        self.terms.kek_id.to_string()
    }
    /// Which ceremony made it: 16 hexadecimal digits.
    pub fn set_id(&self) -> String {
        hex::encode(self.terms.set)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (set, index, shares) = (self.set_id(), self.index, self.terms.shares);
        write!(f, "Share({index} of {shares}, set {set}, redacted)")
    }
}

/// A key that was joined and checked.
pub struct Joined {
    /// Its id.
    pub kek_id: String,
    /// The key.
    pub key: Secret<[u8; KEY]>,
}

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Joined({}, redacted)", self.kek_id)
    }
}

/// `shares` shares of `key`, of which any `threshold` join it; 2 ≤ `threshold` ≤ `shares` ≤ [`MAX_SHARES`]. The id is a UUID in
/// its usual form.
pub fn split(
    kek_id: &str,
    key: &Secret<[u8; KEY]>,
    threshold: u8,
    shares: u8,
    entropy: &mut dyn Entropy,
) -> Result<Vec<Share>, ShareError> {
    if !are_terms(threshold, shares) {
        return Err(ShareError::Terms { threshold, shares });
    }
    let parsed = uuid::Uuid::parse_str(kek_id).ok();
    let uuid = parsed.filter(|uuid| uuid.to_string() == kek_id);
    let mut terms = Terms {
        threshold,
        shares,
        kek_id: uuid.ok_or_else(|| ShareError::KekId(kek_id.to_owned()))?,
        set: entropy.bytes(),
        check: [0; CHECK],
    };
    terms.check = terms.check_of(key)?;
    let mut parts: Vec<_> = (0..shares).map(|_| Zeroizing::new([0_u8; KEY])).collect();
    // The constant coefficient is the key's byte; all others are uniformly random, the leading one included: were it never
    // zero, shares would tell what the key is not.
    let mut coefficients = Zeroizing::new(vec![0_u8; usize::from(threshold)]);
    for (at, byte) in key.expose().iter().enumerate() {
        entropy.fill(&mut coefficients);
        if let Some(constant) = coefficients.first_mut() {
            *constant = *byte;
        }
        for (x, part) in (1..=shares).zip(&mut parts) {
            if let Some(slot) = part.get_mut(at) {
                *slot = gf256::evaluate(&coefficients, x);
            }
        }
    }
    let share = |(index, part): (u8, Zeroizing<[u8; KEY]>)| Share {
        terms,
        index,
        part: Secret::new(*part),
    };
    Ok((1..=shares).zip(parts).map(share).collect())
}

/// The key that `shares` give, checked. Needs the threshold; every share beyond it must agree, and with one beyond it a share
/// that was changed is named.
pub fn join(shares: &[Share]) -> Result<Joined, ShareError> {
    let first = shares.first().ok_or(ShareError::TooFew {
        given: 0,
        threshold: 2,
    })?;
    refuse_strangers(first, shares)?;
    let threshold = usize::from(first.terms.threshold);
    if shares.len() < threshold {
        return Err(ShareError::TooFew {
            given: shares.len(),
            threshold: first.terms.threshold,
        });
    }
    let all: Vec<&Share> = shares.iter().collect();
    let (key, used) = first_that_fits(first.terms, &all, threshold)?.ok_or(ShareError::NoKey)?;
    for share in shares {
        if interpolate(&used, share.index) != share.part {
            return Err(ShareError::NotAuthentic(share.index));
        }
    }
    Ok(Joined {
        kek_id: first.kek_id(),
        key,
    })
}

fn refuse_strangers(first: &Share, shares: &[Share]) -> Result<(), ShareError> {
    for (at, share) in shares.iter().enumerate() {
        if share.terms.set != first.terms.set {
            return Err(ShareError::Foreign {
                index: share.index,
                set: share.set_id(),
                first: first.set_id(),
            });
        }
        let twin = shares.iter().take(at).find(|other| other.index == share.index);
        match twin {
            Some(twin) if twin.part == share.part && twin.terms == share.terms => {
                return Err(ShareError::Twice(share.index));
            }
            Some(_) => return Err(ShareError::Contradiction(share.index)),
            None if share.terms != first.terms => {
                return Err(ShareError::Disagree {
                    index: share.index,
                    first: first.index,
                });
            }
            None => {}
        }
    }
    Ok(())
}

type Fit<'a> = (Secret<[u8; KEY]>, Vec<&'a Share>);

/// The first choice of `threshold` shares whose key has the check value: at most 12870 choices, of 16 shares.
fn first_that_fits<'a>(
    terms: Terms,
    shares: &[&'a Share],
    threshold: usize,
) -> Result<Option<Fit<'a>>, ShareError> {
    let mut choice: Vec<usize> = (0..threshold).collect();
    loop {
        let chosen: Vec<&Share> = choice.iter().filter_map(|at| shares.get(*at).copied()).collect();
        let key = interpolate(&chosen, 0);
        if Secret::new(terms.check_of(&key)?) == Secret::new(terms.check) {
            return Ok(Some((key, chosen)));
        }
        if !next_choice(&mut choice, shares.len()) {
            return Ok(None);
        }
    }
}

/// The next combination in lexical order; `false` after the last.
fn next_choice(choice: &mut [usize], of: usize) -> bool {
    let size = choice.len();
    for at in (0..size).rev() {
        let Some(value) = choice.get(at).copied() else {
            return false;
        };
        if value + size - at < of {
            for (step, slot) in choice.iter_mut().skip(at).enumerate() {
                *slot = value + 1 + step;
            }
            return true;
        }
    }
    false
}

/// What stands at `x`, 0 being the key, when these shares are points of one polynomial a byte.
fn interpolate(shares: &[&Share], x: u8) -> Secret<[u8; KEY]> {
    let xs: Vec<u8> = shares.iter().map(|share| share.index).collect();
    let factors = gf256::lagrange(&xs, x);
    let mut value = Zeroizing::new([0_u8; KEY]);
    for (share, factor) in shares.iter().zip(factors) {
        for (sum, byte) in value.iter_mut().zip(share.part.expose()) {
            *sum ^= gf256::mul(factor, *byte);
        }
    }
    Secret::new(*value)
}

impl Terms {
    /// What proves the key, bound to everything that the shares have in common.
    fn check_of(&self, key: &Secret<[u8; KEY]>) -> Result<[u8; CHECK], ShareError> {
        let Self {
            threshold,
            shares,
            kek_id,
            set,
            check: _,
        } = self;
        let context = [DOMAIN, &[*threshold, *shares], kek_id.as_bytes(), set].concat();
        let value = WrappingKey::new(&kek_id.to_string(), key.clone())?.check_value(&context)?;
        let mut check = [0; CHECK];
        for (to, from) in check.iter_mut().zip(value) {
            *to = from;
        }
        Ok(check)
    }
}

fn are_terms(threshold: u8, shares: u8) -> bool {
    (2..=MAX_SHARES).contains(&shares) && (2..=shares).contains(&threshold)
}

#[cfg(test)]
mod tests;
