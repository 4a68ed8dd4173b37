use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_identity::{
    action,
    mfa::Presented,
    session::{
        Opened, SessionKind,
        verify::{Verify, verify},
    },
};
use vutf_kernel::Secret;

use super::{
    super::{
        TokensBody,
        session::open::{CookieSessionBody, opened},
    },
    MethodName,
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
    path: "/api/v1/auth/mfa/verify",
    access: Access::Anonymous,
    action: action::SESSION_LOGIN,
    rate: RateClass::Login,
    doc: Doc::new("auth", "Sign in: the second factor, after the password")
        .takes::<VerifyRequest>()
        .answers::<VerifiedBody>(200)
        .refuses(&[401, 403]),
};

/// A second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyRequest {
    /// As the sign-in gave it.
    #[schema(value_type = String, format = Password, write_only)]
    challenge: Secret<String>,
    /// One of the sign-in's `methods`.
    method: MethodName,
    /// As typed.
    #[schema(value_type = String, format = Password, write_only)]
    code: Secret<String>,
    /// What is wanted: `token`, as `POST /api/v1/auth/login` gives, or `cookie`, as `POST /api/v1/auth/session` does. `token` when it is
    /// absent.
    #[serde(default)]
    session: KindName,
}

/// How a client wants to hold its session.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KindName {
    /// By tokens.
    #[default]
    Token,
    /// By a cookie.
    Cookie,
}

/// What the second factor leads to.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum VerifiedBody {
    /// A session of tokens.
    Tokens(TokensBody),
    /// A session of a browser, in the cookies of the answer.
    Cookie(CookieSessionBody),
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    request: HttpRequest,
    caller: Caller,
    body: Json<VerifyRequest>,
) -> Result<HttpResponse, Problem> {
    if body.0.session == KindName::Cookie {
        csrf::own_page(&state.config, &request)?;
    }
    let command = body.0.command(&request);
    match verify(&caller, &state.identity, command).await? {
        Opened::Tokens(signed_in) => {
            let mut answer = HttpResponse::Ok();
            cookies::give_device(&mut answer, signed_in.device.as_ref());
            Ok(answer.json(VerifiedBody::Tokens(signed_in.into())))
        }
        Opened::Cookie(session) => {
            let (mut answer, body) = opened(&state, &session)?;
            Ok(answer.json(VerifiedBody::Cookie(body)))
        }
    }
}

impl VerifyRequest {
    fn command(self, request: &HttpRequest) -> Verify {
        let kind = match self.session {
            KindName::Token => SessionKind::Token,
            KindName::Cookie => SessionKind::Cookie,
        };
        Verify {
            challenge: self.challenge,
            factor: Presented {
                method: self.method.into(),
                code: self.code,
            },
            client: cookies::client(request, kind),
        }
    }
}
