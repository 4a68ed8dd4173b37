use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{
    action,
    session::{
        CookieSession, SessionKind,
        login::{LoggedIn, login},
    },
};
use vutf_kernel::Timestamp;

use super::super::{
    login::{LoginRequest, MfaRequiredBody},
    refused,
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
    path: "/api/v1/auth/session",
    access: Access::Anonymous,
    action: action::SESSION_LOGIN,
    rate: RateClass::Login,
    doc: Doc::new(
        "auth",
        "Sign a browser in with a password: the session is held by a cookie; where there is a second factor, it is asked for next",
    )
    .takes::<LoginRequest>()
    .answers::<OpenedBody>(200)
    .refuses(&[401, 403]),
};

/// What a right password leads to.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum OpenedBody {
    /// A session, in the cookies of the answer.
    Authenticated(CookieSessionBody),
    /// The account has a second factor: send it to `POST /api/v1/auth/mfa/verify`.
    MfaRequired(MfaRequiredBody),
}

/// The session of a browser. Its secret is in the cookie, which scripts cannot read.
#[derive(Serialize, ToSchema)]
#[schema(as = CookieSession)]
pub(crate) struct CookieSessionBody {
    /// Always `authenticated`.
    #[schema(example = "authenticated")]
    status: &'static str,
    /// The session.
    session_id: Uuid,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: String,
    /// When it ends unless it is used.
    #[schema(value_type = Option<String>, format = DateTime)]
    idle_expires_at: Option<String>,
    /// To be sent back as `X-CSRF-Token` with every request that changes something.
    csrf_token: String,
    /// Whether nothing can be done in it but to change the password.
    password_change_required: bool,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    request: HttpRequest,
    caller: Caller,
    body: Json<LoginRequest>,
) -> Result<HttpResponse, Problem> {
    csrf::own_page(&state.config, &request)?;
    let command = body.0.command(&request, SessionKind::Cookie);
    let done = login(&caller, &state.identity, command).await;
    match done.map_err(|error| refused(&state, error))? {
        LoggedIn::Cookie(session) => {
            let (mut answer, body) = opened(&state, &session)?;
            Ok(answer.json(OpenedBody::Authenticated(body)))
        }
        LoggedIn::Challenged(challenged) => {
            Ok(HttpResponse::Ok().json(OpenedBody::MfaRequired(challenged.into())))
        }
        LoggedIn::SignedIn(_) => Err(Problem::internal("a cookie was asked for")),
    }
}

/// 200 with the cookies of a session, and what is said of it.
pub(in crate::http::v1::auth) fn opened(
    state: &AppState,
    session: &CookieSession,
) -> Result<(HttpResponseBuilder, CookieSessionBody), Problem> {
    let mut answer = HttpResponse::Ok();
    let csrf_token = cookies::give(state, &mut answer, &session.cookie, session.ends)?;
    cookies::give_device(&mut answer, session.device.as_ref());
    let body = CookieSessionBody {
        status: "authenticated",
        session_id: session.session_id.as_uuid(),
        expires_at: session.ends.expires_at.rfc3339(),
        idle_expires_at: session.ends.idle_expires_at.map(Timestamp::rfc3339),
        csrf_token,
        password_change_required: session.password_due,
    };
    Ok((answer, body))
}
