use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    mfa::reset::{ResetMfa, reset},
    role::permission,
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
    path: "/api/v1/users/{id}/reset-mfa",
    access: Access::Permission(permission::USERS_RESET_MFA),
    action: action::MFA_RESET,
    rate: RateClass::Admin,
    doc: Doc::new(
        "users",
        "Remove the second factor of a user who lost it, and end their sessions",
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
    let command = ResetMfa {
        user_id: UserId::from_uuid(id.0),
    };
    Ok(changed(reset(&caller, &state.identity, command).await?))
}
