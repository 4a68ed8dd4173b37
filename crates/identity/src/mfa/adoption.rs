//! How many people have which second factors: for operators, who want to see the first number fall.

use async_trait::async_trait;
use vutf_kernel::PortError;

/// Persons that may sign in, of all tenants, each counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adoption {
    /// A password is enough.
    pub none: u64,
    /// An authenticator app.
    pub totp: u64,
    /// One passkey or several.
    pub passkey: u64,
    /// Both.
    pub both: u64,
}

/// Counts them.
#[async_trait]
pub trait AdoptionReader: Send + Sync {
    /// As it is now.
    async fn adoption(&self) -> Result<Adoption, PortError>;
}
