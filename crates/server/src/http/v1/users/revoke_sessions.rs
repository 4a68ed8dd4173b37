use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    role::permission,
    user::revoke_sessions::{RevokeSessions, revoke_sessions},
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
    path: "/api/v1/users/{id}/revoke-sessions",
    access: Access::Permission(permission::USERS_LOCK),
    action: action::USER_REVOKE_SESSIONS,
    rate: RateClass::Admin,
    doc: Doc::new("users", "End all sessions of a user")
        .answers::<UserBody>(200)
        .tagged(),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let command = RevokeSessions {
        user_id: UserId::from_uuid(id.0),
    };
    Ok(changed(revoke_sessions(&caller, &state.identity, command).await?))
}
