use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_identity::{
    action, mfa,
    session::{
        Challenged, SessionKind,
        login::{Client, LoggedIn, Login, login},
    },
};
use vutf_kernel::Secret;

use super::{TokensBody, passkey::RequestOptionsBody, refused};
use crate::http::{
    cookies,
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/login",
    access: Access::Anonymous,
    action: action::SESSION_LOGIN,
    rate: RateClass::Login,
    doc: Doc::new(
        "auth",
        "Sign in with a password; where there is a second factor, it is asked for next",
    )
    .takes::<LoginRequest>()
    .answers::<LoginBody>(200)
    .refuses(&[401, 403]),
};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginRequest {
    /// Username or e-mail address.
    #[schema(value_type = String, example = "grace")]
    pub(super) username: Secret<String>,
    /// The password.
    #[schema(value_type = String, format = Password, write_only)]
    pub(super) password: Secret<String>,
    /// The version of the system-use notice that is agreed to: `GET /api/v1/system-use`.
    #[schema(example = "1")]
    pub(super) accept_system_use: Option<String>,
}

impl LoginRequest {
    pub(super) fn command(self, request: &HttpRequest, kind: SessionKind) -> Login {
        Login {
            username: self.username,
            password: self.password,
            client: Client {
                accepts: self.accept_system_use,
                ..cookies::client(request, kind)
            },
        }
    }
}

/// What a right password leads to.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum LoginBody {
    /// A session.
    Authenticated(TokensBody),
    /// The account has a second factor: send it to `POST /api/v1/auth/mfa/verify`.
    MfaRequired(MfaRequiredBody),
}

/// A sign-in that waits for its second factor.
#[derive(Serialize, ToSchema)]
pub(crate) struct MfaRequiredBody {
    /// Always `mfa_required`.
    #[schema(example = "mfa_required")]
    status: &'static str,
    /// Good for one sign-in.
    challenge: String,
    /// What may be presented: `passkey`, `totp`, `backup_code`.
    #[schema(example = json!(["totp", "backup_code"]))]
    methods: Vec<&'static str>,
    /// For `PublicKeyCredential.parseRequestOptionsFromJSON`, of whoever has a passkey.
    #[serde(skip_serializing_if = "Option::is_none")]
    passkey: Option<RequestOptionsBody>,
    /// How long it waits, in seconds.
    #[schema(example = 300)]
    expires_in: u64,
}

impl From<Challenged> for MfaRequiredBody {
    /// The one place where a challenge leaves its custody: it belongs to the caller.
    fn from(challenged: Challenged) -> Self {
        Self {
            status: "mfa_required",
            challenge: challenged.challenge.expose().clone(),
            methods: challenged.methods.into_iter().map(mfa::Method::as_str).collect(),
            passkey: challenged.passkey.map(RequestOptionsBody::from),
            expires_in: challenged.expires_in.as_secs(),
        }
    }
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    request: HttpRequest,
    caller: Caller,
    body: Json<LoginRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command(&request, SessionKind::Token);
    let mut answer = HttpResponse::Ok();
    let done = login(&caller, &state.identity, command).await;
    let body = match done.map_err(|error| refused(&state, error))? {
        LoggedIn::SignedIn(signed_in) => {
            cookies::give_device(&mut answer, signed_in.device.as_ref());
            LoginBody::Authenticated(signed_in.into())
        }
        LoggedIn::Challenged(challenged) => LoginBody::MfaRequired(challenged.into()),
        LoggedIn::Cookie(_) => return Err(Problem::internal("tokens were asked for")),
    };
    Ok(answer.json(body))
}
