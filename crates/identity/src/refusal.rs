//! What the use cases' errors have in common: a class for the status, a stable code for programs, a sentence for people.

use vutf_kernel::{Class, Denial, Permission, PortError, UseCaseError};

/// An error that reaches a caller.
pub(crate) trait Coded: UseCaseError {
    /// Which status it becomes.
    fn class(&self) -> Class;
    /// A stable word.
    fn code(&self) -> &'static str;
}

/// Whether a use case writes a refusal of this class to the audit log itself. What it does not write (a value that cannot be
/// read, an object that is not there) is for the edge to write, if it wants it.
pub fn records_refusal(class: Class) -> bool {
    matches!(class, Class::Forbidden | Class::Conflict | Class::Unauthenticated)
}

/// The stable word for a port's failure; the cause stays in the log.
pub(crate) fn port_code(error: &PortError) -> &'static str {
    match error.class() {
        Class::Unavailable => "unavailable",
        Class::Stale => "stale_version",
        Class::Conflict => "conflict",
        _ => "internal",
    }
}

/// Declares the error of one use case: first its own variants with class, code and sentence, then the ones it passes on.
macro_rules! use_case_error {
    (
        $(#[$doc:meta])* $name:ident
        { $($(#[$vdoc:meta])* $variant:ident => $class:ident, $code:literal, $text:literal;)* }
        { $($(#[$idoc:meta])* $inner:ident($type:ty);)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, thiserror::Error)]
        pub enum $name {
            $($(#[$vdoc])* #[error($text)] $variant,)*
            $($(#[$idoc])* #[error(transparent)] $inner(#[from] $type),)*
            /// A port failed.
            #[error(transparent)]
            Port(#[from] vutf_kernel::PortError),
        }

        impl $name {
            fn facts(&self) -> (vutf_kernel::Class, &'static str) {
                match self {
                    $(Self::$variant => (vutf_kernel::Class::$class, $code),)*
                    $(Self::$inner(inner) => (inner.class(), inner.code()),)*
                    Self::Port(error) => (error.class(), $crate::refusal::port_code(error)),
                }
            }
            /// Which status it becomes.
            pub fn class(&self) -> vutf_kernel::Class {
                self.facts().0
            }
            /// A stable word for programs.
            pub fn code(&self) -> &'static str {
                self.facts().1
            }
        }

        impl vutf_kernel::UseCaseError for $name {
            fn port(&self) -> Option<&vutf_kernel::PortError> {
                if let Self::Port(error) = self { Some(error) } else { None }
            }
        }

        impl $crate::refusal::Coded for $name {
            fn class(&self) -> vutf_kernel::Class {
                self.facts().0
            }
            fn code(&self) -> &'static str {
                self.facts().1
            }
        }
    };
}
pub(crate) use use_case_error;

/// A rule about who may act on whom.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A permission is missing.
    #[error("this needs the permission {}", .0.as_str())]
    Denied(Permission),
    /// A policy takes it away.
    #[error("a policy of your organization forbids this: {}", .0.name)]
    Policy(Box<Denial>),
    /// The account, or the roles asked for, grant more than the caller holds.
    #[error("this would reach beyond your own rights")]
    Exceeds,
    /// The role of super administrators is given by two persons, to an account that is there.
    #[error(
        "to give the role of super administrators takes two persons: make the account first, then ask for the role"
    )]
    TakesTwo,
    /// Nobody locks, disables or deletes themself.
    #[error("you cannot do this to your own account")]
    OwnAccount,
    /// Without it nobody could administer the tenant.
    #[error("this is the last active super administrator")]
    LastSuperAdmin,
}

impl RuleError {
    /// Which status it becomes.
    pub fn class(&self) -> Class {
        match self {
            Self::Denied(_) | Self::Policy(_) | Self::Exceeds | Self::OwnAccount => Class::Forbidden,
            Self::LastSuperAdmin | Self::TakesTwo => Class::Conflict,
        }
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "permission_denied",
            Self::Policy(_) => "forbidden_by_policy",
            Self::Exceeds => "exceeds_own_rights",
            Self::TakesTwo => "second_person_needed",
            Self::OwnAccount => "own_account",
            Self::LastSuperAdmin => "last_super_admin",
        }
    }
}

/// The caller must name the version that they read, and it must still be the present one. RFC 9110 §13.1.1, RFC 6585 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// None was named.
    #[error("say which version you read")]
    Missing,
    /// It has moved on.
    #[error("it was changed after you read it")]
    Stale,
}

impl VersionError {
    /// Which status it becomes.
    pub fn class(&self) -> Class {
        match self {
            Self::Missing => Class::PreconditionRequired,
            Self::Stale => Class::Stale,
        }
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "precondition_required",
            Self::Stale => "stale_version",
        }
    }

    pub(crate) fn check(expected: Option<i64>, present: i64) -> Result<(), Self> {
        match expected {
            None => Err(Self::Missing),
            Some(version) if version == present => Ok(()),
            Some(_) => Err(Self::Stale),
        }
    }
}

/// The username or the e-mail address is taken; the answer does not say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the username or e-mail address is taken")]
pub struct IdentityTaken;

impl IdentityTaken {
    /// It clashes with the present state.
    pub fn class(&self) -> Class {
        Class::Conflict
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        "identity_taken"
    }
}
