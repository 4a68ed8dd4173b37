use actix_web::{HttpResponse, web};
use vutf_identity::{action, user::me};

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::users::{UserBody, own},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/me",
    access: Access::Session,
    action: action::USER_READ,
    rate: RateClass::Default,
    doc: Doc::new("me", "See one's own account")
        .answers::<UserBody>(200)
        .tagged(),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let found = me::view(&caller, &state.identity).await?;
    Ok(own(found))
}
