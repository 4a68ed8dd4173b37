//! `/api/v1`: one file a verb. A handler extracts, makes a command, calls one use case, and turns the result back.

pub(super) mod api_keys;
pub(super) mod approvals;
pub(super) mod audit;
pub(super) mod auth;
pub(super) mod authorisation;
pub(super) mod authz;
pub(super) mod bootstrap;
pub(super) mod crypto;
pub(super) mod erasure_certificate;
pub(super) mod invitations;
pub(super) mod keys;
pub(super) mod me;
pub(super) mod policies;
mod refusals;
pub(super) mod service_accounts;
pub(super) mod system_use;
pub(super) mod users;
