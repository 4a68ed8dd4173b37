use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_identity::{
    action,
    mfa::{self, Factor, Presented},
    session::{
        Opened, SessionKind,
        verify::{Verify, verify},
    },
};
use vutf_kernel::{Class, Secret};

use super::{
    super::{
        TokensBody,
        passkey::AssertionBody,
        session::open::{CookieSessionBody, opened},
    },
    MethodName,
};
use crate::http::{
    cookies, csrf,
    problem::{FieldError, Problem},
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
    /// As typed; of a code.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, format = Password, write_only)]
    code: Option<Secret<String>>,
    /// As the browser made it; of a passkey.
    #[serde(default)]
    #[schema(required = false)]
    credential: Option<AssertionBody>,
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
    let command = body.0.command(&request)?;
    verified(&state, verify(&caller, &state.identity, command).await?)
}

/// 200 with what the session is held by.
pub(in crate::http::v1::auth) fn verified(state: &AppState, done: Opened) -> Result<HttpResponse, Problem> {
    match done {
        Opened::Tokens(signed_in) => {
            let mut answer = HttpResponse::Ok();
            cookies::give_device(&mut answer, signed_in.device.as_ref());
            Ok(answer.json(VerifiedBody::Tokens(signed_in.into())))
        }
        Opened::Cookie(session) => {
            let (mut answer, body) = opened(state, &session)?;
            Ok(answer.json(VerifiedBody::Cookie(body)))
        }
    }
}

impl From<KindName> for SessionKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Token => Self::Token,
            KindName::Cookie => Self::Cookie,
        }
    }
}

impl VerifyRequest {
    fn command(self, request: &HttpRequest) -> Result<Verify, Problem> {
        let code = |method, code: Option<Secret<String>>| {
            let code = code.ok_or_else(|| missing("/code"))?;
            Ok::<_, Problem>(Factor::Code(Presented { method, code }))
        };
        let factor = match self.method {
            MethodName::Totp => code(mfa::Method::Totp, self.code)?,
            MethodName::BackupCode => code(mfa::Method::BackupCode, self.code)?,
            MethodName::Passkey => {
                let credential = self.credential.ok_or_else(|| missing("/credential"))?;
                Factor::Passkey(credential.parse()?)
            }
        };
        Ok(Verify {
            challenge: self.challenge,
            factor,
            client: cookies::client(request, self.session.into()),
        })
    }
}

/// What the method cannot do without.
fn missing(pointer: &str) -> Problem {
    let error = FieldError::new(pointer, "missing_field", "this method needs it");
    Problem::new(Class::Invalid, "missing_field").errors(vec![error])
}
