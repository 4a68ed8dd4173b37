use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    role::permission,
    user::unlock::{Unlock, unlock},
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
    path: "/api/v1/users/{id}/unlock",
    access: Access::Permission(permission::USERS_LOCK),
    action: action::USER_UNLOCK,
    rate: RateClass::Admin,
    doc: Doc::new("users", "Lift a lock")
        .answers::<UserBody>(200)
        .tagged()
        .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let command = Unlock {
        user_id: UserId::from_uuid(id.0),
    };
    Ok(changed(unlock(&caller, &state.identity, command).await?))
}
