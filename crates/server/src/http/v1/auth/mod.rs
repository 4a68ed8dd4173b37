//! Registration, sign-in, tokens.

pub(crate) mod break_glass;
pub(crate) mod csrf;
pub(crate) mod email;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod mfa;
pub(crate) mod passkey;
pub(crate) mod password;
pub(crate) mod refresh;
pub(crate) mod register;
pub(crate) mod session;
pub(crate) mod step_up;
pub(crate) mod step_up_begin;
pub(crate) mod unlock;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{
    Email,
    session::{SignedIn, login::LoginError},
};
use vutf_kernel::Secret;

use crate::http::{
    problem::{Fields, Problem},
    state::AppState,
};

/// A sign-in that was refused. Operators see from the number that somebody tries many accounts from one place; the answer is as any.
fn refused(state: &AppState, error: LoginError) -> Problem {
    if matches!(error, LoginError::NetworkBarred) {
        state.metrics.network_barred();
    }
    let notice = &state.identity.settings.system_use;
    let is_refused = matches!(error, LoginError::NoticeNotAccepted);
    let problem = Problem::from(error);
    if is_refused && !notice.text.is_empty() {
        return problem.detail(format!("version {}: {}", notice.version, notice.text));
    }
    problem
}

/// An address to which a link is mailed, if there is an account of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressRequest {
    /// An address.
    #[schema(example = "grace@example.org", format = Email)]
    pub(crate) email: String,
}

/// A mailed link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkRequest {
    /// What follows `#token=` in the link.
    #[schema(value_type = String, format = Password, write_only)]
    pub(crate) token: Secret<String>,
}

/// Something is done about it; what, is not told.
#[derive(Serialize, ToSchema)]
#[schema(as = Accepted)]
pub(crate) struct AcceptedBody {
    /// Always `accepted`.
    #[schema(example = "accepted")]
    status: &'static str,
}

impl AcceptedBody {
    pub(crate) const ACCEPTED: Self = Self { status: "accepted" };
}

/// The address that somebody gave.
pub(crate) fn address(text: &str) -> Result<Email, Problem> {
    let mut fields = Fields::default();
    match fields.take("/email", Email::parse(text)) {
        Some(email) => Ok(email),
        None => Err(fields.into_problem()),
    }
}

/// Tokens of a session.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokensBody {
    /// Always `authenticated`.
    #[schema(example = "authenticated")]
    status: &'static str,
    /// PASETO v4.public; send it as `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Life of the access token, in seconds.
    #[schema(example = 600)]
    expires_in: u64,
    /// Good for one exchange.
    refresh_token: String,
    /// The session.
    session_id: Uuid,
    /// Whether nothing can be done in it but to change the password.
    password_change_required: bool,
}

impl From<SignedIn> for TokensBody {
    /// The one place where tokens leave their custody: they belong to the caller.
    fn from(signed_in: SignedIn) -> Self {
        Self {
            status: "authenticated",
            access_token: signed_in.access_token.expose().clone(),
            token_type: "Bearer",
            expires_in: signed_in.expires_in.as_secs(),
            refresh_token: signed_in.refresh_token.expose().clone(),
            session_id: signed_in.session_id.as_uuid(),
            password_change_required: signed_in.password_due,
        }
    }
}
