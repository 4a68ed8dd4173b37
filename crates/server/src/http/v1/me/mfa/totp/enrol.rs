use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    mfa::enrol::{Enrolment, enrol},
};

use super::qr;
use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/me/mfa/totp",
    access: Access::Session,
    action: action::MFA_ENROL,
    rate: RateClass::Default,
    doc: Doc::new(
        "me",
        "Make the secret of an authenticator app; it counts once it is confirmed",
    )
    .answers::<EnrolmentBody>(201),
};

/// What an authenticator app is given. It is shown here and nowhere else.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnrolmentBody {
    /// Base32 (RFC 4648), to be typed in.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// To be shown as a QR code.
    #[schema(
        example = "otpauth://totp/id.example.org:grace?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=id.example.org"
    )]
    otpauth_uri: String,
    /// The same as a QR code, to be scanned: an SVG picture with neither script nor link. Absent when the names are too long for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "<svg …></svg>")]
    qr_svg: Option<String>,
    /// How long it waits for `POST /api/v1/me/mfa/totp/confirm`, in seconds.
    #[schema(example = 600)]
    expires_in: u64,
}

impl From<Enrolment> for EnrolmentBody {
    /// The one place where a secret leaves its custody: it belongs to the caller.
    fn from(made: Enrolment) -> Self {
        Self {
            secret: made.secret.expose().clone(),
            otpauth_uri: made.otpauth_uri.expose().clone(),
            qr_svg: qr::svg(&made.otpauth_uri),
            expires_in: made.expires_in.as_secs(),
        }
    }
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let made = enrol(&caller, &state.identity).await?;
    Ok(HttpResponse::Created().json(EnrolmentBody::from(made)))
}
