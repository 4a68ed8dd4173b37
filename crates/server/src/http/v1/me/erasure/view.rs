use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    erasure_request::{ErasureRequest, view::view},
};

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/me/erasure",
    access: Access::Session,
    action: action::ERASURE_READ,
    rate: RateClass::Default,
    doc: Doc::new("me", "See whether one's own erasure is asked for").answers::<ErasureStateBody>(200),
};

/// Whether somebody is to be erased.
#[derive(Serialize, ToSchema)]
#[schema(as = ErasureState)]
pub(crate) struct ErasureStateBody {
    /// `none` or `waiting`.
    #[schema(example = "none")]
    status: &'static str,
    /// When it was asked for.
    #[schema(value_type = Option<String>, format = DateTime)]
    requested_at: Option<String>,
    /// Not before this; later when something obliges to keep the data.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<String>,
}

impl From<Option<ErasureRequest>> for ErasureStateBody {
    fn from(request: Option<ErasureRequest>) -> Self {
        Self {
            status: request.as_ref().map_or("none", |_| "waiting"),
            requested_at: request.as_ref().map(|request| request.requested_at.rfc3339()),
            due_at: request.map(|request| request.due_at.rfc3339()),
        }
    }
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let request = view(&caller, &state.identity).await?;
    Ok(HttpResponse::Ok().json(ErasureStateBody::from(request)))
}
