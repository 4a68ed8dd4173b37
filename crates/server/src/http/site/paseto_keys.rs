use actix_web::{HttpResponse, web};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::token::key_id;
use vutf_kernel::{Action, PortError};

use crate::http::{
    problem::Problem,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/.well-known/paseto-keys",
    access: Access::Anonymous,
    action: Action::new("token.keys", "token"),
    rate: RateClass::Default,
    doc: Doc::new("operations", "Public keys of access tokens, newest first").answers::<PasetoKeys>(200),
};

/// Keys that verify access tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PasetoKeys {
    /// Every key whose tokens may still be alive.
    pub(crate) keys: Vec<PasetoKey>,
}

/// One key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PasetoKey {
    /// PASERK id, the `kid` of a token's footer.
    #[schema(example = "k4.pid.…")]
    pub(crate) kid: String,
    /// PASERK `k4.public.…`.
    #[schema(example = "k4.public.…")]
    pub(crate) key: String,
}

pub(crate) async fn handle(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let keys = state.identity.signer.verifying();
    let keys = keys.iter().map(|key| {
        Ok(PasetoKey {
            kid: key_id(key)?,
            key: format!("k4.public.{}", URL_SAFE_NO_PAD.encode(key)),
        })
    });
    let keys = keys.collect::<Result<_, PortError>>()?;
    Ok(HttpResponse::Ok()
        .insert_header(("cache-control", "public, max-age=300"))
        .json(PasetoKeys { keys }))
}
