use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{
    action,
    break_glass::open::{BreakGlass, Broken, open},
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
    path: "/api/v1/auth/break-glass",
    access: Access::Anonymous,
    action: action::BREAK_GLASS_OPEN,
    rate: RateClass::Login,
    doc: Doc::new(
        "auth",
        "Open the account for emergencies, once: every administrator is told",
    )
    .takes::<BreakGlassRequest>()
    .answers::<BrokenBody>(200)
    .refuses(&[401]),
};

/// The secret of a sealed account, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BreakGlassRequest {
    /// The account's name.
    #[schema(value_type = String, example = "break-glass")]
    username: Secret<String>,
    /// The secret, as it was shown when the account was sealed.
    #[schema(value_type = String, format = Password, write_only)]
    secret: Secret<String>,
    /// 1 to 200 bytes, not about a person: it stays in the log for good.
    #[schema(example = "identity provider down, INC-4711")]
    reason: String,
}

/// The session that came of it.
#[derive(Serialize, ToSchema)]
#[schema(as = BrokenGlass)]
pub(crate) struct BrokenBody {
    /// Always `authenticated`.
    #[schema(example = "authenticated")]
    status: &'static str,
    /// PASETO v4.public, good for as long as the session; send it as `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Life of the session, in seconds.
    #[schema(example = 3600)]
    expires_in: u64,
    /// The session.
    session_id: Uuid,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<BreakGlassRequest>,
) -> Result<HttpResponse, Problem> {
    let BreakGlassRequest {
        username,
        secret,
        reason,
    } = body.0;
    let command = BreakGlass {
        username,
        secret,
        reason,
    };
    let broken = open(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Ok().json(BrokenBody::from(broken)))
}

impl From<Broken> for BrokenBody {
    /// The one place where the token leaves its custody: it belongs to the caller.
    fn from(broken: Broken) -> Self {
        Self {
            status: "authenticated",
            access_token: broken.access_token.expose().clone(),
            token_type: "Bearer",
            expires_in: broken.expires_in.as_secs(),
            session_id: broken.session_id.as_uuid(),
        }
    }
}
