//! Raw primitives. Nothing here is exported: a caller outside this crate never passes a nonce and never sees a key.

pub(crate) mod aead;
pub(crate) mod kdf;
pub(crate) mod mac;

#[cfg(test)]
mod wycheproof;
