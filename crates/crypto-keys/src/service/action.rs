//! What uses of named keys are called in the audit log, and what kind of thing they are about.

use vutf_kernel::Action;

/// Data is encrypted.
pub const ENCRYPT: Action = Action::new("crypto.encrypt", "key");
/// Data is decrypted.
pub const DECRYPT: Action = Action::new("crypto.decrypt", "key");
/// Ciphertexts are brought to the newest version.
pub const REWRAP: Action = Action::new("crypto.rewrap", "key");
/// MACs are made.
pub const HMAC: Action = Action::new("crypto.hmac", "key");
/// Data is signed.
pub const SIGN: Action = Action::new("crypto.sign", "key");
/// MACs or signatures are verified.
pub const VERIFY: Action = Action::new("crypto.verify", "key");
/// The public keys of a signing key are shown.
pub const PUBLIC_KEYS: Action = Action::new("crypto.public_keys", "key");
