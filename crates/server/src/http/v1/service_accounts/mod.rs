//! Accounts of programs. Once made they are users: `/api/v1/users/{id}` locks, disables, deletes them and gives them roles.

pub(crate) mod create;
pub(crate) mod list;
