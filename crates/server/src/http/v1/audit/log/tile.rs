use actix_web::{HttpResponse, http::header, web};
use vutf_audit::{access::action, prove::tile};
use vutf_identity::role::permission;

use crate::http::{
    problem::Problem,
    request::{Caller, TilePath},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/log/tile/{tile}*",
    access: Access::Permission(permission::AUDIT_READ),
    action: action::TILE,
    rate: RateClass::Default,
    doc: Doc::new("audit", "Hashes of the tree (C2SP tlog-tiles)")
        .answers_media("application/octet-stream")
        .refuses(&[400, 404]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    path: TilePath,
) -> Result<HttpResponse, Problem> {
    let hashes = tile(&caller, state.log(), path.id, path.width).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        // A tile never changes, and is for those only who may see it.
        .insert_header((header::CACHE_CONTROL, "private, max-age=31536000, immutable"))
        .body(hashes))
}
