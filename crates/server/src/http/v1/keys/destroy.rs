use actix_web::{HttpResponse, http::header, web};
use vutf_app::keys::Destruction;
use vutf_crypto_keys::action::KEY_DESTROY_REQUEST;
use vutf_identity::role::permission;

use super::{KeyBody, ReasonRequest, changed, named, requests::RequestBody};
use crate::http::{
    problem::Problem,
    request::{Caller, Id, IfMatch, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/keys/{id}/destroy",
    access: Access::Permission(permission::KEYS_MANAGE),
    action: KEY_DESTROY_REQUEST,
    rate: RateClass::Admin,
    doc: Doc::new(
        "keys",
        "Destroy a key that never protected anything, or ask for a second person to approve the destruction",
    )
    .takes::<ReasonRequest>()
    .answers::<RequestBody>(202)
    .or_answers::<KeyBody>(200)
    .preconditioned()
    .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    read: IfMatch,
    body: Json<ReasonRequest>,
) -> Result<HttpResponse, Problem> {
    let reason = body.0.parse()?;
    let keys = state.keys();
    Ok(
        match keys
            .request_destruction(&caller, named(id, read), &reason)
            .await?
        {
            Destruction::Destroyed(record) => changed(record),
            Destruction::Pending(request) => HttpResponse::Accepted()
                .insert_header((header::LOCATION, "/api/v1/keys/requests"))
                .json(RequestBody::new(request, state.identity.ambient.now())),
        },
    )
}
