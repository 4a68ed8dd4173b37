//! HMAC-SHA-256 (FIPS 198-1).

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    hmac::{Context, HMAC_SHA256, Key, Tag},
};

/// Bytes of a tag.
pub(crate) const MAC: usize = 32;

/// A key whose two blocks are hashed already: half of the work of a short message. Zeroised by the library when it is dropped.
pub(crate) struct MacKey(Key);

impl MacKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(Key::new(HMAC_SHA256, key))
    }

    /// The tag of the concatenation of `parts`.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> [u8; MAC] {
        let mut context = Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        bytes(&context.sign())
    }
}

/// The tag of `message`.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; MAC] {
    MacKey::new(key).tag(&[message])
}

/// Equality in time that depends on the lengths only.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    verify_slices_are_equal(left, right).is_ok()
}

fn bytes(tag: &Tag) -> [u8; MAC] {
    let mut bytes = [0_u8; MAC];
    for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    bytes
}
