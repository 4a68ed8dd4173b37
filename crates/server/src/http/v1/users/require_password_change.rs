use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    role::permission,
    user::require_password_change::{RequirePasswordChange, require_password_change},
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
    path: "/api/v1/users/{id}/require-password-change",
    access: Access::Permission(permission::USERS_LOCK),
    action: action::USER_REQUIRE_PASSWORD_CHANGE,
    rate: RateClass::Admin,
    doc: Doc::new(
        "users",
        "Have a user choose another password: their sessions end, and nothing else can be done in the next one",
    )
    .answers::<UserBody>(200)
    .tagged()
    .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let command = RequirePasswordChange {
        user_id: UserId::from_uuid(id.0),
    };
    let user = require_password_change(&caller, &state.identity, command).await?;
    Ok(changed(user))
}
