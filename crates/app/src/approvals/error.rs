//! Why a request was not made or decided.

use vutf_audit::analysis::AnalysisError;
use vutf_crypto_keys::{ApprovalError, DecisionError, LoadError, transition::UnfitNote};
use vutf_identity::role::assign::AssignError;
use vutf_kernel::{ApprovalId, Class, Permission, PortError, UseCaseError};

/// Why what takes two persons was not asked for, decided or shown.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalsError {
    /// The caller lacks a permission.
    #[error("this needs the permission {}", .0.as_str())]
    Denied(Permission),
    /// There is no such request, or it is not for the caller.
    #[error("there is no such request")]
    NotFound,
    /// There is one already.
    #[error("there is an open request, {0}")]
    Requested(ApprovalId),
    /// More than what takes two persons was asked for at once.
    #[error("ask for this by itself: change nothing else in the same request")]
    Alone,
    /// Whoever asked could not do it any more.
    #[error("whoever asked for it may not do it any more")]
    RequesterBarred,
    /// Somebody else changed the request or its subject at the same time.
    #[error("it was changed by somebody else meanwhile")]
    ChangedMeanwhile,
    /// A note that cannot be kept.
    #[error(transparent)]
    Note(#[from] UnfitNote),
    /// The rules of two persons.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// A role was not given or taken.
    #[error(transparent)]
    Assign(#[from] AssignError),
    /// A rule was not changed.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    /// A row is forged, or its key is not loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl ApprovalsError {
    /// Which status it becomes.
    pub fn class(&self) -> Class {
        match self {
            Self::Denied(_) | Self::Approval(ApprovalError::SamePerson | ApprovalError::NotAPerson) => {
                Class::Forbidden
            }
            Self::NotFound => Class::NotFound,
            Self::Note(_) => Class::Invalid,
            Self::Requested(_)
            | Self::Alone
            | Self::RequesterBarred
            | Self::ChangedMeanwhile
            | Self::Approval(_) => Class::Conflict,
            Self::Assign(error) => error.class(),
            Self::Analysis(error) => error.class(),
            Self::Load(_) => Class::Internal,
            Self::Port(error) => error.class(),
        }
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "permission_denied",
            Self::NotFound => "request_not_found",
            Self::Requested(_) => "request_open",
            Self::Alone => "second_person_alone",
            Self::RequesterBarred => "requester_barred",
            Self::ChangedMeanwhile => "changed_meanwhile",
            Self::Note(_) => "unfit_note",
            Self::Approval(ApprovalError::SamePerson) => "same_person",
            Self::Approval(ApprovalError::NotAPerson) => "not_a_person",
            Self::Approval(ApprovalError::Expired) => "request_expired",
            Self::Approval(ApprovalError::Void) => "request_void",
            Self::Approval(ApprovalError::Decided(_)) => "request_decided",
            Self::Assign(error) => error.code(),
            Self::Analysis(error) => error.code(),
            Self::Port(error) if error.class() == Class::Unavailable => "unavailable",
            Self::Load(_) | Self::Port(_) => "internal",
        }
    }
}

impl UseCaseError for ApprovalsError {
    fn port(&self) -> Option<&PortError> {
        match self {
            Self::Port(error) => Some(error),
            Self::Assign(error) => error.port(),
            Self::Analysis(error) => error.port(),
            _ => None,
        }
    }
}

impl From<DecisionError> for ApprovalsError {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::Rule(error) => Self::Approval(error),
            DecisionError::Load(error) => Self::Load(error),
        }
    }
}
