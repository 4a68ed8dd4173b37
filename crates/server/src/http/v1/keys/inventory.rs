use actix_web::{HttpResponse, web};
use vutf_crypto_keys::{action::KEY_INVENTORY, inventory::MEDIA_TYPE};
use vutf_identity::role::permission;

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/keys/inventory",
    access: Access::Permission(permission::KEYS_READ),
    action: KEY_INVENTORY,
    rate: RateClass::Admin,
    doc: Doc::new(
        "keys",
        "Keys and algorithms as a CycloneDX 1.6 cryptography bill of materials",
    )
    .answers_media(MEDIA_TYPE),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let taken = state.keys().inventory(&caller).await?;
    let bom = taken.to_cyclonedx("violentutf-api", env!("CARGO_PKG_VERSION"));
    Ok(HttpResponse::Ok().content_type(MEDIA_TYPE).json(bom))
}
