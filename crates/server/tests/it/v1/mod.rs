//! Routes under `/api/v1`, laid out as the URL.

mod approvals;
mod audit;
mod crypto;
mod keys;
mod me;
mod roles;
mod users;
