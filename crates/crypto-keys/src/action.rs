//! What this domain's events are called, and what kind of thing they are about.

use vutf_kernel::Action;

/// Keys are shown.
pub const KEY_LIST: Action = Action::new("key.list", "key");
/// A purpose gets its first key.
pub const KEY_CREATE: Action = Action::new("key.create", "key");
/// A purpose gets a new version of its key.
pub const KEY_ROTATE: Action = Action::new("key.rotate", "key");
/// A key that is rotated by hand is soon to be, or should have been.
pub const KEY_DUE: Action = Action::new("key.due", "key");
/// A key is wrapped anew; what it encrypts is not touched.
pub const KEY_REWRAP: Action = Action::new("key.rewrap", "key");
/// Work on everything that older versions of a key protect is asked for.
pub const KEY_JOB_START: Action = Action::new("key_job.start", "key_job");
/// That work stands still.
pub const KEY_JOB_PAUSE: Action = Action::new("key_job.pause", "key_job");
/// That work goes on.
pub const KEY_JOB_RESUME: Action = Action::new("key_job.resume", "key_job");
/// That work is ended by hand.
pub const KEY_JOB_CANCEL: Action = Action::new("key_job.cancel", "key_job");
/// A part of that work is done.
pub const KEY_JOB_BATCH: Action = Action::new("key_job.batch", "key_job");
/// That work is over.
pub const KEY_JOB_FINISH: Action = Action::new("key_job.finish", "key_job");
/// That work is shown.
pub const KEY_JOB_LIST: Action = Action::new("key_job.list", "key_job");
