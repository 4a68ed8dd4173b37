use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    session::{
        SessionKind,
        login::Client,
        passkey::{PasskeyLogin, login},
    },
};

use super::{
    super::mfa::verify::{KindName, VerifiedBody, verified},
    AssertionBody,
};
use crate::http::{
    cookies, csrf,
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/passkey/finish",
    access: Access::Anonymous,
    action: action::SESSION_LOGIN,
    rate: RateClass::Login,
    doc: Doc::new("auth", "Sign in with a passkey and nothing else")
        .takes::<FinishRequest>()
        .answers::<VerifiedBody>(200)
        .refuses(&[401, 403]),
};

/// The answer of a passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasskeyLoginRequest)]
pub(crate) struct FinishRequest {
    /// As the browser made it.
    credential: AssertionBody,
    /// What is wanted: `token`, as `POST /api/v1/auth/login` gives, or `cookie`, as `POST /api/v1/auth/session` does. `token` when it is
    /// absent.
    #[serde(default)]
    session: KindName,
    /// The version of the system-use notice that is agreed to: `GET /api/v1/system-use`.
    #[schema(example = "1")]
    accept_system_use: Option<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    request: HttpRequest,
    caller: Caller,
    body: Json<FinishRequest>,
) -> Result<HttpResponse, Problem> {
    let kind = SessionKind::from(body.0.session);
    if kind == SessionKind::Cookie {
        csrf::own_page(&state.config, &request)?;
    }
    let command = PasskeyLogin {
        assertion: body.0.credential.parse()?,
        client: Client {
            accepts: body.0.accept_system_use,
            ..cookies::client(&request, kind)
        },
    };
    verified(&state, login(&caller, &state.identity, command).await?)
}
