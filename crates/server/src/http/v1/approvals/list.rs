use actix_web::{HttpResponse, web};
use vutf_app::approvals::action::APPROVAL_LIST;

use super::RequestBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/approvals",
    access: Access::Session,
    action: APPROVAL_LIST,
    rate: RateClass::Admin,
    doc: Doc::new(
        "authorisation",
        "List the newest requests that the caller made or may decide, newest first",
    )
    .answers::<List<RequestBody>>(200),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let requests = state.approvals().list(&caller).await?;
    let now = state.identity.ambient.now();
    Ok(HttpResponse::Ok().json(List {
        items: requests
            .into_iter()
            .map(|request| RequestBody::new(request, now))
            .collect(),
        next_cursor: None,
    }))
}
