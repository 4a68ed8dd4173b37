//! The second step of a sign-in.

pub(crate) mod verify;

use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::mfa::Method;

/// Kinds of second factors.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MethodName {
    /// A code from an authenticator app.
    Totp,
    /// One of the codes that were written down.
    BackupCode,
}

impl From<MethodName> for Method {
    fn from(name: MethodName) -> Self {
        match name {
            MethodName::Totp => Self::Totp,
            MethodName::BackupCode => Self::BackupCode,
        }
    }
}
