use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{
    action,
    mfa::{self, Presented},
    session::step_up::{StepUp, SteppedUp, step_up},
};
use vutf_kernel::Secret;

use crate::http::{
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
}

/// A token that tells of the new proof.
#[derive(Serialize, ToSchema)]
pub(crate) struct SteppedUpBody {
    /// PASETO v4.public. The refresh token stays as it is.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Life of the access token, in seconds.
    #[schema(example = 600)]
    expires_in: u64,
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
    let stepped_up = step_up(&caller, &state.identity, body.0.into()).await?;
    Ok(HttpResponse::Ok().json(SteppedUpBody::from(stepped_up)))
}

impl From<StepUpRequest> for StepUp {
    fn from(request: StepUpRequest) -> Self {
        let factor = |method, code| Self::SecondFactor(Presented { method, code });
        match request {
            StepUpRequest::Password { password } => Self::Password(password),
            StepUpRequest::Totp { code } => factor(mfa::Method::Totp, code),
            StepUpRequest::BackupCode { code } => factor(mfa::Method::BackupCode, code),
        }
    }
}

impl From<SteppedUp> for SteppedUpBody {
    fn from(stepped_up: SteppedUp) -> Self {
        Self {
            access_token: stepped_up.access_token.expose().clone(),
            token_type: "Bearer",
            expires_in: stepped_up.expires_in.as_secs(),
            session_id: stepped_up.session_id.as_uuid(),
            acr: stepped_up.assurance.aal.as_str(),
            auth_time: stepped_up.assurance.auth_time.rfc3339(),
        }
    }
}
