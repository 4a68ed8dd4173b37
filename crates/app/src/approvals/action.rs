//! What the events of requests are called.

use vutf_kernel::Action;

/// Somebody asks for what takes two persons.
pub const APPROVAL_REQUEST: Action = Action::new("approval.request", "approval");
/// Another person approves it, and it is done.
pub const APPROVAL_APPROVE: Action = Action::new("approval.approve", "approval");
/// Somebody rejects it, or takes their own request back.
pub const APPROVAL_REJECT: Action = Action::new("approval.reject", "approval");
/// Requests are shown.
pub const APPROVAL_LIST: Action = Action::new("approval.list", "approval");
