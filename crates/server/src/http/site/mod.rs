//! What is not under `/api/v1`: probes, documents, keys for verifiers, metrics.

pub(super) mod docs;
pub(super) mod health;
pub(super) mod management;
pub(super) mod openapi;
pub(super) mod paseto_keys;
