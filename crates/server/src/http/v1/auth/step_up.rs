use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{
    action,
    mfa::{self, Presented},
    session::step_up::{Credential, StepUp, SteppedUp, step_up},
};
use vutf_kernel::Secret;

use super::passkey::AssertionBody;
use crate::http::{
    cookies,
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/step-up",
    access: Access::Session,
    action: action::SESSION_STEP_UP,
    rate: RateClass::Login,
    doc: Doc::new("auth", "Prove again who you are, within this session (RFC 9470)")
        .takes::<StepUpRequest>()
        .answers::<SteppedUpBody>(200)
        .refuses(&[409]),
};

/// The second factor of whoever has one, and the password of whoever has none.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum StepUpRequest {
    /// Without a second factor.
    Password {
        /// The password.
        #[schema(value_type = String, format = Password, write_only)]
        password: Secret<String>,
    },
    /// With an authenticator app.
    Totp {
        /// What it shows.
        #[schema(value_type = String, format = Password, write_only)]
        code: Secret<String>,
    },
    /// Without the device.
    BackupCode {
        /// One of the codes that were written down.
        #[schema(value_type = String, format = Password, write_only)]
        code: Secret<String>,
    },
    /// With a passkey.
    Passkey {
        /// The answer to `POST /api/v1/auth/step-up/passkey`, as the browser made it.
        credential: Box<AssertionBody>,
    },
}

/// The new proof, with a token that tells of it, or in a new cookie.
#[derive(Serialize, ToSchema)]
pub(crate) struct SteppedUpBody {
    /// PASETO v4.public, where the session is one of tokens. The refresh token stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    /// `Bearer`, beside an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Bearer")]
    token_type: Option<&'static str>,
    /// Life of the access token, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 600)]
    expires_in: Option<u64>,
    /// To be sent as `X-CSRF-Token` from now on, where the session is held by a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
    /// The session.
    session_id: Uuid,
    /// What the session has proved: `aal1`, `aal2`.
    #[schema(example = "aal2")]
    acr: &'static str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    auth_time: String,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<StepUpRequest>,
) -> Result<HttpResponse, Problem> {
    let stepped_up = step_up(&caller, &state.identity, body.0.command()?).await?;
    let mut answer = HttpResponse::Ok();
    let mut body = SteppedUpBody::of(&stepped_up);
    match stepped_up.credential {
        Credential::Cookie { cookie, ends } => {
            body.csrf_token = Some(cookies::give(&state, &mut answer, &cookie, ends)?);
        }
        Credential::Token {
            access_token,
            expires_in,
        } => {
            body.access_token = Some(access_token.expose().clone());
            body.token_type = Some("Bearer");
            body.expires_in = Some(expires_in.as_secs());
        }
    }
    Ok(answer.json(body))
}

impl StepUpRequest {
    fn command(self) -> Result<StepUp, Problem> {
        let factor = |method, code| StepUp::SecondFactor(Presented { method, code });
        Ok(match self {
            Self::Password { password } => StepUp::Password(password),
            Self::Totp { code } => factor(mfa::Method::Totp, code),
            Self::BackupCode { code } => factor(mfa::Method::BackupCode, code),
            Self::Passkey { credential } => StepUp::Passkey(credential.parse()?),
        })
    }
}

impl SteppedUpBody {
    /// Without what the session is held by.
    fn of(stepped_up: &SteppedUp) -> Self {
        Self {
            access_token: None,
            token_type: None,
            expires_in: None,
            csrf_token: None,
            session_id: stepped_up.session_id.as_uuid(),
            acr: stepped_up.assurance.aal.as_str(),
            auth_time: stepped_up.assurance.auth_time.rfc3339(),
        }
    }
}
