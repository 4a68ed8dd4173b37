use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    role::permission,
    user::delete::{DeleteUser, delete},
};
use vutf_kernel::UserId;

use crate::http::{
    problem::Problem,
    request::{Caller, Id, IfMatch},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Delete,
    path: "/api/v1/users/{id}",
    access: Access::Permission(permission::USERS_DELETE),
    action: action::USER_DELETE,
    rate: RateClass::Admin,
    doc: Doc::new("users", "Delete a user; it can be taken back")
        .conditional()
        .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    version: IfMatch,
) -> Result<HttpResponse, Problem> {
    let command = DeleteUser {
        user_id: UserId::from_uuid(id.0),
        expected_version: version.0,
    };
    delete(&caller, &state.identity, command).await?;
    Ok(HttpResponse::NoContent().finish())
}
