//! Public keys of credentials: COSE (RFC 9052, RFC 9053, RFC 8812), in CBOR.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use ciborium::Value;
use vutf_identity::passkey::CeremonyError;

/// Nothing here nests deeper; a bound on the stack that a decoder may use.
const DEPTH: usize = 8;
/// RS256 with more costs more than a sign-in is worth.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=512;

const KTY: i64 = 1;
const ALG: i64 = 3;
/// `crv`, or `n` of RSA.
const FIRST: i64 = -1;
/// `x`, or `e` of RSA.
const SECOND: i64 = -2;
/// `y`.
const THIRD: i64 = -3;

/// One CBOR item from the front of `rest`.
pub(crate) fn take_item(rest: &mut &[u8]) -> Result<Value, CeremonyError> {
    ciborium::de::from_reader_with_recursion_limit(rest, DEPTH).map_err(|_| CeremonyError::MALFORMED)
}

/// One CBOR item, and nothing after it.
pub(crate) fn whole_item(bytes: &[u8]) -> Result<Value, CeremonyError> {
    let mut rest = bytes;
    let item = take_item(&mut rest)?;
    if rest.is_empty() {
        Ok(item)
    } else {
        Err(CeremonyError::MALFORMED)
    }
}

/// A key that signatures can be checked with.
pub(crate) enum PublicKey {
    /// ES256 with P-256, or EdDSA with Ed25519.
    Curve(ParsedPublicKey),
    /// RS256.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl PublicKey {
    /// A key of one of the algorithms that a registration offers, and well formed.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(i64, Self), CeremonyError> {
        let item = whole_item(bytes)?;
        let map = Map(item.as_map().ok_or(CeremonyError::MALFORMED)?);
        let algorithm = map.number(ALG)?;
        let key = match (map.number(KTY)?, algorithm) {
            (2, -7) if map.number(FIRST)? == 1 => {
                let (x, y) = (map.bytes(SECOND)?, map.bytes(THIRD)?);
                if x.len() != 32 || y.len() != 32 {
                    return Err(CeremonyError::WRONG_KEY);
                }
                let point = [&[4_u8][..], x, y].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).map(Self::Curve)
            }
            (1, -8) if map.number(FIRST)? == 6 => {
                ParsedPublicKey::new(&ED25519, map.bytes(SECOND)?).map(Self::Curve)
            }
            (3, -257) => {
                let (n, e) = (map.bytes(FIRST)?, map.bytes(SECOND)?);
                if !RSA_BYTES.contains(&n.len()) || !(1..=4).contains(&e.len()) {
                    return Err(CeremonyError::WRONG_KEY);
                }
                let (n, e) = (n.to_vec(), e.to_vec());
                Ok(Self::Rsa { n, e })
            }
            _ => return Err(CeremonyError::WRONG_KEY),
        };
        Ok((algorithm, key.map_err(|_| CeremonyError::WRONG_KEY)?))
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CeremonyError> {
        let valid = match self {
            Self::Curve(key) => key.verify_sig(message, signature),
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        };
        valid.map_err(|_| CeremonyError::WRONG_SIGNATURE)
    }
}

/// A map of which each label is read once.
struct Map<'a>(&'a [(Value, Value)]);

impl<'a> Map<'a> {
    fn one(&self, label: i64) -> Result<&'a Value, CeremonyError> {
        let named = |key: &Value| {
            let number = key.as_integer();
            number.is_some_and(|number| i128::from(number) == i128::from(label))
        };
        let mut found = self.0.iter().filter(|(key, _)| named(key));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value),
            _ => Err(CeremonyError::WRONG_KEY),
        }
    }
    fn number(&self, label: i64) -> Result<i64, CeremonyError> {
        let number = self.one(label)?.as_integer();
        let number = number.and_then(|number| i64::try_from(number).ok());
        number.ok_or(CeremonyError::WRONG_KEY)
    }
    fn bytes(&self, label: i64) -> Result<&'a [u8], CeremonyError> {
        let bytes = self.one(label)?.as_bytes();
        bytes.map(Vec::as_slice).ok_or(CeremonyError::WRONG_KEY)
    }
}
