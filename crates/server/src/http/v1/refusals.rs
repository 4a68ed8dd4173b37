//! Use cases' errors as problems.

use vutf_app::{approvals::ApprovalsError, jobs::JobsError, keys::KeysError};
use vutf_audit::{
    AccessError, ProveError, analysis::AnalysisError, export::ExportError, retention::RetentionError,
};
use vutf_identity::{
    api_key::{
        create::CreateApiKeyError, list::ListApiKeysError, revoke::RevokeApiKeyError,
        rotate::RotateApiKeyError, view::ViewApiKeyError,
    },
    bootstrap::BootstrapError,
    break_glass::open::BreakGlassError,
    erasure_request::{
        ask::AskForErasureError, cancel::CancelErasureError, receipt::ReceiptError, view::ViewErasureError,
    },
    invitation::{invite::InviteError, list::ListInvitationsError, revoke::RevokeInvitationError},
    mfa::{
        confirm::ConfirmError, enrol::EnrolError, regenerate::RegenerateError, remove::RemoveError,
        reset::ResetMfaError, view::ViewMfaError,
    },
    passkey::{
        begin::BeginPasskeyError, list::ListPasskeysError, register::RegisterPasskeyError,
        remove::RemovePasskeyError, rename::RenamePasskeyError,
    },
    password::strength::AssessError,
    policy::{
        explain::ExplainError, list::ListPoliciesError, put::PutPolicyError, remove::RemovePolicyError,
        validate::ValidatePolicyError, view::ViewPolicyError,
    },
    role::{create::CreateRoleError, list::ListRolesError, remove::RemoveRoleError, update::UpdateRoleError},
    session::{
        AuthenticateError,
        csrf::CsrfError,
        list::ListSessionsError,
        login::LoginError,
        logout::LogoutError,
        passkey::PasskeyLoginError,
        refresh::RefreshError,
        revoke::RevokeSessionError,
        step_up::{BeginStepUpError, StepUpError},
        verify::VerifyError,
    },
    user::{
        batch::BatchError,
        change_email::{ChangeEmailError, ConfirmEmailError},
        change_password::ChangePasswordError,
        create::CreateError,
        delete::DeleteError,
        disable::DisableError,
        enable::EnableError,
        erase::{CertificateError, EraseError},
        export::ExportOwnError,
        forgot_password::AskForLinkError,
        list::ListError,
        lock::LockError,
        me::MeError,
        object_email::ObjectEmailError,
        register::RegisterError,
        require_password_change::RequirePasswordChangeError,
        reset_password::ResetPasswordError,
        restore::RestoreError,
        revoke_sessions::RevokeSessionsError,
        self_unlock::SelfUnlockError,
        unlock::UnlockError,
        update::UpdateError,
        verify_email::VerifyEmailError,
        view::ViewError,
    },
};
use vutf_kernel::{Class, PortError, UseCaseError};

use crate::http::problem::{FieldError, Problem};

fn problem(class: Class, code: &'static str, detail: String, port: Option<&PortError>) -> Problem {
    if let Some(error) = port {
        return Problem::port(error);
    }
    match class {
        Class::Internal | Class::Unavailable => {
            tracing::warn!(code, "{detail}");
            Problem::new(class, code)
        }
        Class::Invalid if code.starts_with("password_") => {
            Problem::new(class, "invalid_password").errors(vec![FieldError::new("/password", code, detail)])
        }
        _ => Problem::new(class, code).detail(detail),
    }
}

macro_rules! refusals {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                problem(error.class(), error.code(), error.to_string(), error.port())
            }
        }
    )+};
}

refusals! {
    AccessError,
    CancelErasureError,
    ReceiptError,
    RequirePasswordChangeError,
    ViewErasureError,
    AskForLinkError,
    AssessError,
    ProveError,
    AuthenticateError,
    BeginStepUpError,
    BootstrapError,
    BreakGlassError,
    CertificateError,
    ConfirmEmailError,
    CreateError,
    CreateRoleError,
    CsrfError,
    DeleteError,
    DisableError,
    EnableError,
    EraseError,
    ExplainError,
    ExportError,
    InviteError,
    JobsError,
    KeysError,
    ListApiKeysError,
    ListError,
    ListInvitationsError,
    ListPasskeysError,
    ListPoliciesError,
    ListRolesError,
    ListSessionsError,
    LockError,
    LoginError,
    LogoutError,
    MeError,
    ObjectEmailError,
    PasskeyLoginError,
    RefreshError,
    RegisterError,
    RenamePasskeyError,
    PutPolicyError,
    RemovePolicyError,
    RemoveRoleError,
    ResetPasswordError,
    RestoreError,
    RetentionError,
    RevokeApiKeyError,
    RevokeInvitationError,
    RevokeSessionError,
    RevokeSessionsError,
    SelfUnlockError,
    StepUpError,
    UnlockError,
    UpdateError,
    UpdateRoleError,
    ValidatePolicyError,
    VerifyEmailError,
    VerifyError,
    ViewApiKeyError,
    ViewError,
    ViewMfaError,
    ViewPolicyError,
}

/// Errors of use cases that may ask for another proof.
macro_rules! demanding_refusals {
    ($($error:ident),+ $(,)?) => {$(
        impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                match error {
                    $error::Fresh(short) => Self::from(short),
                    error => problem(error.class(), error.code(), error.to_string(), error.port()),
                }
            }
        }
    )+};
}

demanding_refusals! {
    BeginPasskeyError,
    AskForErasureError,
    ExportOwnError,
    ChangeEmailError,
    ConfirmError,
    CreateApiKeyError,
    EnrolError,
    RegenerateError,
    RegisterPasskeyError,
    RemoveError,
    RemovePasskeyError,
    ResetMfaError,
    RotateApiKeyError,
}

impl From<BatchError> for Problem {
    /// Of operations that were to be done together, the one that was refused is named.
    fn from(error: BatchError) -> Self {
        let place = match &error {
            BatchError::Item(item) => format!("/operations/{}", item.index),
            _ => String::new(),
        };
        let (code, detail) = (error.code(), error.to_string());
        let is_item = matches!(error, BatchError::Item(_));
        let found = problem(error.class(), code, detail.clone(), error.port());
        if is_item {
            found.errors(vec![FieldError::new(place, code, detail)])
        } else {
            found
        }
    }
}

impl From<ChangePasswordError> for Problem {
    fn from(error: ChangePasswordError) -> Self {
        if let ChangePasswordError::Fresh(short) = error {
            return Self::from(short);
        }
        if let ChangePasswordError::Password(error) = error {
            let error = FieldError::new("/new_password", error.code(), error.to_string());
            return Self::new(Class::Invalid, "invalid_password").errors(vec![error]);
        }
        problem(error.class(), error.code(), error.to_string(), error.port())
    }
}

impl From<ApprovalsError> for Problem {
    fn from(error: ApprovalsError) -> Self {
        match error {
            ApprovalsError::Analysis(error) => error.into(),
            ApprovalsError::Load(error) => Self::internal(error),
            error => problem(error.class(), error.code(), error.to_string(), error.port()),
        }
    }
}

impl From<AnalysisError> for Problem {
    fn from(error: AnalysisError) -> Self {
        if let AnalysisError::Invalid {
            pointer,
            code,
            detail,
        } = error
        {
            let error = FieldError::new(pointer, code, detail);
            return Self::new(Class::Invalid, "invalid_value").errors(vec![error]);
        }
        problem(error.class(), error.code(), error.to_string(), error.port())
    }
}
