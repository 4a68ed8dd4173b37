//! One entity set for both databases, private to this crate.

pub(crate) mod approvals;
pub(crate) mod audit_checkpoint;
pub(crate) mod audit_cosignature;
pub(crate) mod audit_exports;
pub(crate) mod audit_intake;
pub(crate) mod audit_latest;
pub(crate) mod audit_leaf;
pub(crate) mod audit_node;
pub(crate) mod audit_subject_ref;
pub(crate) mod bootstrap_tokens;
pub(crate) mod crypto_keys;
pub(crate) mod erasures;
pub(crate) mod key_jobs;
pub(crate) mod key_transitions;
pub(crate) mod key_usage;
pub(crate) mod keysets;
pub(crate) mod leases;
pub(crate) mod login_guards;
pub(crate) mod passwords;
pub(crate) mod refresh_families;
pub(crate) mod refresh_tokens;
pub(crate) mod sessions;
pub(crate) mod user_roles;
pub(crate) mod users;
