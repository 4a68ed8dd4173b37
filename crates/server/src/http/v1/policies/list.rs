use actix_web::{HttpResponse, web};
use vutf_identity::{action, policy::list::list, role::permission};

use super::PolicyBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/policies",
    access: Access::Permission(permission::POLICIES_READ),
    action: action::POLICY_LIST,
    rate: RateClass::Admin,
    doc: Doc::new(
        "authorisation",
        "List policies, which take away from what roles grant",
    )
    .answers::<List<PolicyBody>>(200),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let all = list(&caller, &state.identity).await?;
    Ok(HttpResponse::Ok().json(List {
        items: all.iter().map(PolicyBody::from).collect(),
        next_cursor: None,
    }))
}
