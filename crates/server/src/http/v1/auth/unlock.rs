use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    user::self_unlock::{SelfUnlock, self_unlock},
};

use super::LinkRequest;
use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/unlock",
    access: Access::Anonymous,
    action: action::USER_SELF_UNLOCK,
    rate: RateClass::Login,
    doc: Doc::new("auth", "Lift the delays after wrong passwords by a mailed link")
        .takes::<LinkRequest>()
        .refuses(&[403]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<LinkRequest>,
) -> Result<HttpResponse, Problem> {
    let token = body.0.token;
    self_unlock(&caller, &state.identity, SelfUnlock { token }).await?;
    Ok(HttpResponse::NoContent().finish())
}
