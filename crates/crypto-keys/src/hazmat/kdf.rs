//! HKDF-SHA-512 (RFC 5869).

use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Salt};
use zeroize::Zeroizing;

use crate::CryptoError;

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// `N` bytes from `ikm`; `info` is the concatenation of its parts, so the caller gives them fixed lengths.
pub(crate) fn hkdf_sha512<const N: usize>(
    ikm: &[u8],
    salt: &[u8],
    info: &[&[u8]],
) -> Result<Zeroizing<[u8; N]>, CryptoError> {
    let mut out = Zeroizing::new([0_u8; N]);
    Salt::new(HKDF_SHA512, salt)
        .extract(ikm)
        .expand(info, Length(N))
        .and_then(|okm| okm.fill(out.as_mut_slice()))
        .map_err(|_| CryptoError::Primitive("HKDF-SHA-512"))?;
    Ok(out)
}
