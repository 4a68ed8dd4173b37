use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    role::permission,
    user::view::{ViewUser, view},
};
use vutf_kernel::UserId;

use super::{UserBody, profile};
use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/users/{id}",
    access: Access::Permission(permission::USERS_READ),
    action: action::USER_READ,
    rate: RateClass::Admin,
    doc: Doc::new("users", "See a user").answers::<UserBody>(200).tagged(),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let command = ViewUser {
        user_id: UserId::from_uuid(id.0),
    };
    Ok(profile(view(&caller, &state.identity, command).await?))
}
