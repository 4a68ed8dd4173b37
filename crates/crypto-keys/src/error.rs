//! Why a cryptographic operation or the loading of the registry failed.

use vutf_kernel::{ApprovalId, Class, Fault, KeyId, OrganizationId, PortError};

use crate::{KeyState, Posture, Purpose, Suite};

/// A text from a store or a configuration that names nothing known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a known {what}")]
pub struct UnknownText {
    /// What it should have been, e.g. `key state`.
    pub what: &'static str,
    /// What it was.
    pub text: String,
}

/// Why an operation with a key was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// No key for this purpose, or not the named one, is in memory; loading the registry can help.
    #[error("no key for {purpose} of organization {organization_id} is loaded")]
    KeyNotLoaded {
        /// The tenant.
        organization_id: OrganizationId,
        /// What the key is for.
        purpose: Purpose,
        /// The key that a ciphertext names, if one does.
        key_id: Option<KeyId>,
    },
    /// There are keys for the purpose, but none may protect new data: rotate it.
    #[error("no key for {purpose} of organization {organization_id} is active")]
    NoActiveKey {
        /// The tenant.
        organization_id: OrganizationId,
        /// What the key is for.
        purpose: Purpose,
    },
    /// The suite byte names no suite.
    #[error("suite {0} is not known")]
    UnknownSuite(u8),
    /// The key's algorithm, or the suite that a ciphertext names, is outside of this installation's
    /// [`SuitePolicy`](crate::SuitePolicy).
    #[error("suite {0} is not admitted here")]
    SuiteNotAdmitted(Suite),
    /// The ciphertext names another suite than its key's: a downgrade is refused.
    #[error("the ciphertext names suite {named}, its key makes {own} only")]
    ForeignSuite {
        /// What the ciphertext says.
        named: Suite,
        /// What the key makes.
        own: Suite,
    },
    /// The bytes have not the form of a ciphertext.
    #[error("not a ciphertext of this format")]
    Malformed,
    /// The key's state does not allow the operation.
    #[error("the key is {0}")]
    Refused(KeyState),
    /// The version is older than the keyset admits.
    #[error("version {version} of the key is below the minimum, {minimum}")]
    BelowMinimumVersion {
        /// The key's version.
        version: u32,
        /// The oldest that is admitted.
        minimum: u32,
    },
    /// The key has protected as much as it ever may: rotate it.
    #[error("the key has reached its limit of use")]
    Exhausted,
    /// The ciphertext names a key of another tenant, another purpose or another version.
    #[error("the ciphertext was made under another key, {0}")]
    ForeignKey(KeyId),
    /// The key is not the one that the ciphertext commits to.
    #[error("the key commitment does not match")]
    CommitmentMismatch,
    /// The ciphertext was changed, or belongs to another place.
    #[error("the ciphertext is not authentic in this place")]
    Authentication,
    /// The value belonged to a person whose key was destroyed: it cannot be read by anybody any more.
    #[error("the person's key was destroyed, and what it protected with it")]
    Erased,
    /// The ciphertext names a key that the registry has no row of.
    #[error("key {0} is not in the registry: restore the table crypto_keys from a backup")]
    KeyLost(KeyId),
    /// Too many persons' keys were unwrapped in a minute. Somebody reads everything.
    #[error("{per_minute} keys of persons were unwrapped within a minute; no more are for now")]
    QuotaUsedUp {
        /// How many a minute may hold.
        per_minute: u64,
    },
    /// The provider of the key-encryption key has not confirmed the key for too long.
    #[error("the provider of the key-encryption key has been away for too long: keys are {}", .0.as_str())]
    Outage(Posture),
    /// The input is longer than the format or the primitive allows.
    #[error("the input is too long")]
    TooLong,
    /// A primitive refused to work.
    #[error("{0} failed")]
    Primitive(&'static str),
    /// A known answer was not reproduced: this build or this machine must not be trusted with keys.
    #[error("self-test of {0} failed")]
    SelfTest(&'static str),
}

impl CryptoError {
    /// What a retry policy must know: only a key that is not loaded is worth another try, after loading.
    pub fn fault(&self) -> Fault {
        match self {
            Self::KeyNotLoaded { .. } => Fault::KeyNotLoaded,
            Self::QuotaUsedUp { .. } | Self::Outage(_) => Fault::Withheld,
            _ => Fault::Other,
        }
    }
    /// As the failure of the port operation `op`.
    pub fn into_port(self, op: &'static str) -> PortError {
        PortError::new(op, self.fault(), self)
    }
}

/// Why keys could not be loaded or planned. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The row was changed by someone without the registry key, or moved here from another installation.
    #[error(
        "the registry row of key {key_id} is not authentic: restore it from a backup; it was changed outside this service"
    )]
    RecordMac {
        /// The key.
        key_id: KeyId,
    },
    /// The row is authentic and out of date: somebody put an older one back.
    #[error(
        "the registry row of key {key_id} was put back: it is revision {row}, and revision {seen} was seen before; \
         restore the table crypto_keys from a newer backup"
    )]
    RolledBack {
        /// The key.
        key_id: KeyId,
        /// The row's revision.
        row: u64,
        /// The newest that is known.
        seen: u64,
    },
    /// The keyset was changed by someone without the registry key.
    #[error(
        "the keyset of {purpose} of organization {organization_id} is not authentic: restore it from a backup; it was changed \
         outside this service"
    )]
    KeysetMac {
        /// The tenant.
        organization_id: OrganizationId,
        /// The purpose.
        purpose: Purpose,
    },
    /// The keyset is older than the one that is loaded, or gone.
    #[error(
        "the keyset of {purpose} of organization {organization_id} is in revision {row}, but revision {seen} was seen: an older \
         row was put back"
    )]
    KeysetRolledBack {
        /// The tenant.
        organization_id: OrganizationId,
        /// The purpose.
        purpose: Purpose,
        /// What the row says; 0 when there is none.
        row: u64,
        /// What was seen.
        seen: u64,
    },
    /// What is written down of the key's use was changed by someone without the registry key.
    #[error(
        "what is written down of the use of key {key_id} is not authentic: restore its row of key_usage from a backup; it was \
         changed outside this service"
    )]
    UsageMac {
        /// The key.
        key_id: KeyId,
    },
    /// What is written down of the key's use is less than it was.
    #[error(
        "what is written down of the use of key {key_id} was put back: it is revision {row}, and revision {seen} was seen \
         before; restore its row of key_usage, and rotate the key"
    )]
    UsageRolledBack {
        /// The key.
        key_id: KeyId,
        /// The row's revision; 0 when there is none.
        row: u64,
        /// The newest that is known.
        seen: u64,
    },
    /// The request was changed, or made, by someone without the registry key.
    #[error("the request {id} is not authentic: it was changed or made outside this service")]
    ApprovalMac {
        /// The request.
        id: ApprovalId,
    },
    /// The row contradicts itself.
    #[error("the registry row of key {key_id} is not usable: {reason}")]
    Record {
        /// The key.
        key_id: KeyId,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Another key-encryption key is configured than the one the tenant key was wrapped by.
    #[error(
        "key {key_id} is wrapped by key-encryption key {wrapped_by}, but {configured} is configured: \
         configure the key-encryption key that this database was set up with"
    )]
    KekMismatch {
        /// The tenant key.
        key_id: KeyId,
        /// The id of the key-encryption key that wrapped it.
        wrapped_by: String,
        /// The id of the one that is configured.
        configured: String,
    },
    /// A key that could still be used has an algorithm outside of this installation's
    /// [`SuitePolicy`](crate::SuitePolicy).
    #[error(
        "key {key_id} ({purpose} of organization {organization_id}, version {version}) is of suite {suite}, which the suite \
         policy does not admit: under a policy that admits both, rotate {purpose} and write anew what it protects"
    )]
    SuiteNotAdmitted {
        /// The key.
        key_id: KeyId,
        /// Its tenant.
        organization_id: OrganizationId,
        /// What is to be rotated.
        purpose: Purpose,
        /// Which version of it.
        version: u32,
        /// Its suite.
        suite: Suite,
    },
    /// Keys of single persons are of a suite outside of this installation's [`SuitePolicy`](crate::SuitePolicy).
    #[error(
        "key {key_id} of a person is of suite {suite}, which the suite policy does not admit, and keys of persons are not \
         rotated: go on under a policy that admits both for as long as there is one"
    )]
    PersonNotAdmitted {
        /// One of them.
        key_id: KeyId,
        /// Its suite.
        suite: Suite,
    },
    /// The key's life does not go that way.
    #[error("key {key_id} is {from} and cannot become {next}")]
    Transition {
        /// The key.
        key_id: KeyId,
        /// Its state.
        from: KeyState,
        /// What it was to become.
        next: KeyState,
    },
    /// A key could not be wrapped or unwrapped.
    #[error("key {key_id} could not be wrapped or unwrapped")]
    Wrapping {
        /// The key.
        key_id: KeyId,
        /// Why.
        #[source]
        source: CryptoError,
    },
    /// The organization has no tenant key that may wrap new keys.
    #[error("organization {organization_id} has no active tenant key")]
    NoTenantKey {
        /// The organization.
        organization_id: OrganizationId,
    },
    /// The provider of the key-encryption key failed.
    #[error("the key-encryption key of {key_id} could not be used")]
    Provider {
        /// The tenant key.
        key_id: KeyId,
        /// Why.
        #[source]
        source: PortError,
    },
}

impl LoadError {
    /// What a retry policy must know.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Provider { source, .. } => source.fault,
            Self::Wrapping { source, .. } => source.fault(),
            _ => Fault::Other,
        }
    }
    /// How a caller should see it.
    pub fn class(&self) -> Class {
        match self {
            Self::Provider { source, .. } => source.class(),
            Self::Wrapping { source, .. } if source.fault() == Fault::Withheld => Class::Unavailable,
            _ => Class::Internal,
        }
    }
    /// As the failure of the port operation `op`.
    pub fn into_port(self, op: &'static str) -> PortError {
        PortError::new(op, self.fault(), self)
    }
}
