//! The second step of a sign-in.

pub(crate) mod verify;

use serde::Deserialize;
use utoipa::ToSchema;

/// Kinds of second factors.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MethodName {
    /// A code from an authenticator app.
    Totp,
    /// One of the codes that were written down.
    BackupCode,
    /// The answer of an authenticator.
    Passkey,
}
