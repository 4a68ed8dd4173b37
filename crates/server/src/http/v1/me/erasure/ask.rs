use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::{action, erasure_request::ask::ask};

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/me/erasure",
    access: Access::Session,
    action: action::ERASURE_REQUEST,
    rate: RateClass::Default,
    doc: Doc::new(
        "me",
        "Ask to be erased; it is done after some days, and can be taken back until then",
    )
    .answers::<AskedBody>(202)
    .refuses(&[409]),
};

/// An erasure that was just asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = ErasureRequested)]
pub(crate) struct AskedBody {
    /// Always `waiting`.
    #[schema(example = "waiting")]
    status: &'static str,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    requested_at: String,
    /// Not before this.
    #[schema(value_type = String, format = DateTime)]
    due_at: String,
    /// Shown here and nowhere else: with it the certificate is had once the account is gone, by `POST /api/v1/erasure-certificate`.
    #[schema(example = "vutf_er_…")]
    receipt: String,
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let asked = ask(&caller, &state.identity).await?;
    // The one place where a receipt leaves its custody: it belongs to the caller.
    Ok(HttpResponse::Accepted().json(AskedBody {
        status: "waiting",
        requested_at: asked.request.requested_at.rfc3339(),
        due_at: asked.request.due_at.rfc3339(),
        receipt: asked.receipt.expose().clone(),
    }))
}
