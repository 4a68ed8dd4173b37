//! Why something was not done with a key.

use vutf_crypto_keys::{
    ApprovalError, DecisionError, DestructionError, KeyState, Live, LoadError, Purpose, transition::UnfitNote,
};
use vutf_kernel::{ApprovalId, Class, Fault, KeyId, Permission, PortError, UseCaseError};

/// Why the key ring cannot be brought up, shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The caller lacks a permission.
    #[error("this needs the permission {}", .0.as_str())]
    Denied(Permission),
    /// The organization has no such key.
    #[error("there is no such key")]
    NotFound,
    /// The organization has no such request.
    #[error("there is no such request")]
    RequestNotFound,
    /// A rotation of the key would not be enough, see [`Purpose::is_rotatable`].
    #[error(
        "keys for {0} are not rotated in one step: make the next version, activate it once every replica knows it, and have \
         the data written anew"
    )]
    NotRotatable(Purpose),
    /// Keys for this purpose are not made by hand.
    #[error("keys for {0} are not made by hand")]
    NotCreatable(Purpose),
    /// There is a key for the purpose, or one that waits to be activated.
    #[error("there is a key for {0} already: rotate it, or make the next version without activating it")]
    Exists(Purpose),
    /// An end that is over already.
    #[error("the end of the cryptoperiod must be in the future")]
    PastEnd,
    /// A purpose that has no versions to choose from, or a version that would leave none to protect with.
    #[error("the minimum version of {purpose} must be from 1 to {newest}, the version that protects")]
    MinimumVersion {
        /// The purpose.
        purpose: Purpose,
        /// The newest version that protects.
        newest: u32,
    },
    /// A limit for keys that nobody rotates by themselves: once it is reached, what needs them would stand still.
    #[error(
        "keys for {0} have no limit of use: they are not rotated by themselves, and the service would stop at it"
    )]
    Limit(Purpose),
    /// Something would be lost.
    #[error("{}", still_protects(*.live))]
    StillProtects {
        /// How much.
        live: Live,
    },
    /// The service needs an active key for the purpose.
    #[error("it is the only active key for {0}, which the service needs: rotate it instead")]
    InUse(Purpose),
    /// A newer version is active, so that an older one stays as it is.
    #[error("a newer version of the key is active")]
    Superseded,
    /// The key's life does not go that way.
    #[error("the key is {from} and cannot become {next}")]
    Transition {
        /// Its state.
        from: KeyState,
        /// What it was to become.
        next: KeyState,
    },
    /// A note that cannot be kept.
    #[error(transparent)]
    Note(#[from] UnfitNote),
    /// The key is not to be destroyed now.
    #[error(transparent)]
    Destruction(#[from] DestructionError),
    /// Somebody has asked for it already.
    #[error("there is an open request, {0}")]
    Requested(ApprovalId),
    /// It takes two persons, and not these.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// The key is no longer in the revision that the caller read.
    #[error("the key was changed since it was read")]
    Stale,
    /// Somebody else rotated the key at the same time. Their key is loaded.
    #[error("the key was rotated by somebody else meanwhile")]
    RotatedMeanwhile,
    /// Somebody else changed the key or the request at the same time.
    #[error("it was changed by somebody else meanwhile")]
    ChangedMeanwhile,
    /// The audit log says that a key was made which the registry does not have.
    #[error(
        "the key for {purpose}, version {version}, was made and is not in the registry: restore the table crypto_keys from a backup"
    )]
    Lost {
        /// What it was for.
        purpose: Purpose,
        /// Its version.
        version: u32,
    },
    /// The audit log knows a newer row of the key: somebody put an older one back.
    #[error(
        "the registry row of key {key_id} was put back: it is revision {row}, and the audit log tells of revision {log}; restore \
         the table crypto_keys from a newer backup"
    )]
    RolledBack {
        /// The key.
        key_id: KeyId,
        /// The row's revision.
        row: u64,
        /// The newest that the log tells of.
        log: u64,
    },
    /// The audit log knows a newer keyset: somebody put an older one back, or took it away.
    #[error(
        "the keyset of {purpose} was put back: it is revision {row}, and the audit log tells of revision {log}; restore the \
         table keysets from a newer backup"
    )]
    KeysetRolledBack {
        /// The purpose.
        purpose: Purpose,
        /// The row's revision; 0 when there is none.
        row: u64,
        /// The newest that the log tells of.
        log: u64,
    },
    /// The audit log tells of more use of the key than is written down: somebody put an older row back, or took it away.
    #[error(
        "what is written down of the use of key {key_id} was put back: it is revision {row}, and the audit log tells of revision \
         {log}; restore its row of key_usage, and rotate the key"
    )]
    UsageRolledBack {
        /// The key.
        key_id: KeyId,
        /// The row's revision; 0 when there is none.
        row: u64,
        /// The newest that the log tells of.
        log: u64,
    },
    /// A record was refused, or the key-encryption key does not fit.
    #[error(transparent)]
    Load(LoadError),
    /// The store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl KeysError {
    /// How a caller should see it.
    pub fn class(&self) -> Class {
        match self {
            Self::Denied(_) | Self::Approval(ApprovalError::SamePerson | ApprovalError::NotAPerson) => {
                Class::Forbidden
            }
            Self::NotFound | Self::RequestNotFound => Class::NotFound,
            Self::NotRotatable(_)
            | Self::NotCreatable(_)
            | Self::PastEnd
            | Self::MinimumVersion { .. }
            | Self::Limit(_)
            | Self::Note(_) => Class::Invalid,
            Self::Exists(_)
            | Self::StillProtects { .. }
            | Self::InUse(_)
            | Self::Superseded
            | Self::Transition { .. }
            | Self::Destruction(_)
            | Self::Requested(_)
            | Self::Approval(_)
            | Self::RotatedMeanwhile
            | Self::ChangedMeanwhile => Class::Conflict,
            Self::Stale => Class::Stale,
            Self::Lost { .. }
            | Self::RolledBack { .. }
            | Self::KeysetRolledBack { .. }
            | Self::UsageRolledBack { .. } => Class::Internal,
            Self::Load(error) => error.class(),
            Self::Port(error) => error.class(),
        }
    }

    /// A stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "permission_denied",
            Self::NotFound => "not_found",
            Self::RequestNotFound => "request_not_found",
            Self::NotRotatable(_) => "not_rotatable",
            Self::NotCreatable(_) => "not_creatable",
            Self::Exists(_) => "key_exists",
            Self::PastEnd => "past_end",
            Self::MinimumVersion { .. } => "minimum_version",
            Self::Limit(_) => "no_limit_of_use",
            Self::StillProtects { .. } => "still_protects",
            Self::InUse(_) => "key_in_use",
            Self::Superseded => "superseded",
            Self::Transition { .. } => "no_such_transition",
            Self::Note(_) => "unfit_note",
            Self::Destruction(DestructionError::Active) => "key_active",
            Self::Destruction(DestructionError::StillWraps) => "still_wraps",
            Self::Destruction(DestructionError::Settling { .. }) => "key_settling",
            Self::Requested(_) => "request_open",
            Self::Approval(ApprovalError::SamePerson) => "same_person",
            Self::Approval(ApprovalError::NotAPerson) => "not_a_person",
            Self::Approval(ApprovalError::Expired) => "request_expired",
            Self::Approval(ApprovalError::Void) => "request_void",
            Self::Approval(ApprovalError::Decided(_)) => "request_decided",
            Self::Stale => "stale_version",
            Self::RotatedMeanwhile => "rotated_meanwhile",
            Self::ChangedMeanwhile => "changed_meanwhile",
            Self::Load(_) | Self::Port(_) if self.class() == Class::Unavailable => "unavailable",
            Self::Lost { .. }
            | Self::RolledBack { .. }
            | Self::KeysetRolledBack { .. }
            | Self::UsageRolledBack { .. }
            | Self::Load(_)
            | Self::Port(_) => "internal",
        }
    }

    /// A commit that lost a race is `meanwhile`; any other failure of the store is itself.
    pub(super) fn of_commit(error: PortError, meanwhile: Self) -> Self {
        match error.fault {
            Fault::Stale | Fault::Duplicate => meanwhile,
            _ => Self::Port(error),
        }
    }
}

impl From<LoadError> for KeysError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Transition { from, next, .. } => Self::Transition { from, next },
            error => Self::Load(error),
        }
    }
}

impl From<DecisionError> for KeysError {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::Rule(rule) => Self::Approval(rule),
            DecisionError::Load(error) => error.into(),
        }
    }
}

impl UseCaseError for KeysError {
    fn port(&self) -> Option<&PortError> {
        match self {
            Self::Port(error) => Some(error),
            _ => None,
        }
    }
}

fn still_protects(live: Live) -> String {
    match live {
        Live::Rows(rows) => format!("older versions still protect {rows} rows: have them written anew first"),
        Live::Unknown => {
            "nobody can tell whether older versions still protect anything: count first".to_owned()
        }
    }
}
