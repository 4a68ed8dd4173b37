use actix_web::{HttpResponse, web};
use vutf_identity::{action, invitation::revoke::revoke, role::permission};
use vutf_kernel::InvitationId;

use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Delete,
    path: "/api/v1/invitations/{id}",
    access: Access::Permission(permission::USERS_WRITE),
    action: action::INVITATION_REVOKE,
    rate: RateClass::Admin,
    doc: Doc::new("users", "Take an invitation back that nobody has accepted"),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    revoke(&caller, &state.identity, InvitationId::from_uuid(id.0)).await?;
    Ok(HttpResponse::NoContent().finish())
}
