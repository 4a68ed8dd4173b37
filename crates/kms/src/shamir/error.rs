//! Why a key could not be split or joined; each message says how to mend it.

/// Why a key could not be split or joined. No message holds a part of a share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// A number of shares or a threshold that is not offered.
    #[error("{threshold} of {shares} is not possible: 2 to 16 shares, of which at least 2 join the key")]
    Terms {
        /// How many join the key.
        threshold: u8,
        /// How many there are.
        shares: u8,
    },
    /// The key's id has not the form that shares carry.
    #[error("the key-encryption key {0} cannot be split: only one that this program made in a file")]
    KekId(String),
    /// Not the text of a share.
    #[error("not a share: {0}")]
    Text(&'static str),
    /// One line was read wrongly.
    #[error("line {0} of the share does not match the two check letters at its end: read it once more")]
    Line(u8),
    /// Every line is well in itself, but they do not belong together.
    #[error("the four lines do not belong to one share: read it once more")]
    Checksum,
    /// A later version of this software made it.
    #[error("a share of version {0}, this program knows version 1; use the program that made it")]
    Version(u8),
    /// More are needed.
    #[error("{given} of the {threshold} shares that are needed were given")]
    TooFew {
        /// How many different ones were given.
        given: usize,
        /// How many are needed.
        threshold: u8,
    },
    /// One was given twice.
    #[error("share {0} was given twice")]
    Twice(u8),
    /// Two shares under one number that are not the same.
    #[error("two different shares bear the number {0}: one of them is not what the ceremony made")]
    Contradiction(u8),
    /// A share of another ceremony, or of another key.
    #[error("share {index} is of the set {set}, the first one given is of {first}: leave one of them out")]
    Foreign {
        /// Its number.
        index: u8,
        /// Its set.
        set: String,
        /// The first share's set.
        first: String,
    },
    /// Two shares of one set that say different things about it.
    #[error(
        "shares {first} and {index} do not agree about their set: one of them is not what the ceremony made"
    )]
    Disagree {
        /// Its number.
        index: u8,
        /// The first share's number.
        first: u8,
    },
    /// A share that the others contradict.
    #[error("share {0} is not what the ceremony made: the others agree without it; leave it out")]
    NotAuthentic(u8),
    /// No choice of the shares gives the key.
    #[error(
        "these shares do not give the key: one of them was changed; with one share more it can be told which"
    )]
    NoKey,
    /// A cryptographic operation failed.
    #[error("the key could not be split or joined")]
    Crypto(#[from] vutf_crypto_keys::CryptoError),
}
