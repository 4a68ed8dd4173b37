//! What this domain's events are called, and what kind of thing they are about.

use vutf_kernel::Action;

/// Keys are shown.
pub const KEY_LIST: Action = Action::new("key.list", "key");
/// A purpose gets its first key.
pub const KEY_CREATE: Action = Action::new("key.create", "key");
/// A purpose gets a new version of its key.
pub const KEY_ROTATE: Action = Action::new("key.rotate", "key");
/// A key is wrapped anew; what it encrypts is not touched.
pub const KEY_REWRAP: Action = Action::new("key.rewrap", "key");
