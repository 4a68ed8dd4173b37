use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::{action, mfa::view::view};
use vutf_kernel::Timestamp;

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/me/mfa",
    access: Access::Session,
    action: action::MFA_READ,
    rate: RateClass::Default,
    doc: Doc::new("me", "See one's own second factors").answers::<SecondFactorsBody>(200),
};

/// One's own second factors.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecondFactorsBody {
    /// Whether signing in asks for a code of an authenticator app.
    totp: bool,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    totp_confirmed_at: Option<String>,
    /// Passkeys.
    #[schema(example = 2)]
    passkeys: u64,
    /// Backup codes that were not used.
    #[schema(example = 10)]
    backup_codes_left: u64,
    /// Whether a role of this account demands a second factor.
    demanded_by_role: bool,
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let factors = view(&caller, &state.identity).await?;
    Ok(HttpResponse::Ok().json(SecondFactorsBody {
        totp: factors.totp_confirmed_at.is_some(),
        totp_confirmed_at: factors.totp_confirmed_at.map(Timestamp::rfc3339),
        passkeys: factors.passkeys,
        backup_codes_left: factors.backup_codes_left,
        demanded_by_role: factors.demanded,
    }))
}
