use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    passkey::rename::{RenamePasskey, rename},
};
use vutf_kernel::FactorId;

use super::PasskeyBody;
use crate::http::{
    problem::Problem,
    request::{Caller, Id, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Patch,
    path: "/api/v1/me/mfa/passkeys/{id}",
    access: Access::Session,
    action: action::PASSKEY_RENAME,
    rate: RateClass::Default,
    doc: Doc::new("me", "Give one of one's own passkeys another name")
        .takes::<RenameRequest>()
        .answers::<PasskeyBody>(200),
};

/// Another name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RenamePasskeyRequest)]
pub(crate) struct RenameRequest {
    /// 1 to 64 characters.
    #[schema(example = "phone")]
    name: String,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    body: Json<RenameRequest>,
) -> Result<HttpResponse, Problem> {
    let command = RenamePasskey {
        id: FactorId::from_uuid(id.0),
        name: super::name(&body.0.name)?,
    };
    let passkey = rename(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Ok().json(PasskeyBody::from(&passkey)))
}
