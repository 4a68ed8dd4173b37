//! HMAC-SHA-256 (FIPS 198-1).

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use subtle::ConstantTimeEq;

/// Bytes of a tag.
pub(crate) const MAC: usize = 32;

/// The tag of `message`.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; MAC] {
    let mut context = Context::with_key(&Key::new(HMAC_SHA256, key));
    context.update(message);
    let mut tag = [0_u8; MAC];
    for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    tag
}

/// Equality in time that depends on the lengths only.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}
