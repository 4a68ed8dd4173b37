use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    role::permission,
    user::lock::{Lock, lock},
};
use vutf_kernel::UserId;

use super::{UserBody, changed};
use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/users/{id}/lock",
    access: Access::Permission(permission::USERS_LOCK),
    action: action::USER_LOCK,
    rate: RateClass::Admin,
    doc: Doc::new("users", "Bar a user until unlocked; ends their sessions")
        .answers::<UserBody>(200)
        .tagged()
        .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let command = Lock {
        user_id: UserId::from_uuid(id.0),
    };
    Ok(changed(lock(&caller, &state.identity, command).await?))
}
