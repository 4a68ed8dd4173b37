use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_identity::{
    action,
    mfa::confirm::{Confirm, confirm},
};
use vutf_kernel::Secret;

use super::super::{OtherSessionsBody, texts};
use crate::http::{
    cookies,
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/me/mfa/totp/confirm",
    access: Access::Session,
    action: action::MFA_CONFIRM,
    rate: RateClass::Default,
    doc: Doc::new("me", "Confirm an authenticator app with a code that it shows")
        .takes::<ConfirmRequest>()
        .answers::<ConfirmedBody>(200)
        .refuses(&[409]),
};

/// A code from the app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmRequest {
    /// Six digits.
    #[schema(value_type = String, format = Password, write_only)]
    code: Secret<String>,
}

/// A factor that counts.
#[derive(Serialize, ToSchema)]
#[schema(as = FactorConfirmed)]
pub(crate) struct ConfirmedBody {
    /// New backup codes, shown here and nowhere else; each is good once.
    #[schema(example = json!(["0123-4567-89ab-cdef"]))]
    backup_codes: Vec<String>,
    /// Sessions from before: they go on, and may not do what asks for the factor until they prove it.
    other_sessions: OtherSessionsBody,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<ConfirmRequest>,
) -> Result<HttpResponse, Problem> {
    let command = Confirm { code: body.0.code };
    let confirmed = confirm(&caller, &state.identity, command).await?;
    let mut answer = HttpResponse::Ok();
    if let Some((cookie, ends)) = &confirmed.cookie {
        cookies::give(&state, &mut answer, cookie, *ends)?;
    }
    Ok(answer.json(ConfirmedBody {
        backup_codes: texts(&confirmed.codes),
        other_sessions: confirmed.other_sessions.into(),
    }))
}
