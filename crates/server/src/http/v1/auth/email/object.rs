use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    user::object_email::{ObjectEmail, object_email},
};

use super::super::LinkRequest;
use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/email/object",
    access: Access::Anonymous,
    action: action::EMAIL_OBJECT,
    rate: RateClass::Login,
    doc: Doc::new(
        "auth",
        "Take a change of address back, by the link that was mailed to the old one: all sessions end, and the password is removed",
    )
    .takes::<LinkRequest>()
    .answers::<ObjectedBody>(200)
    .refuses(&[403, 409]),
};

/// The change is taken back, as far as it can be.
#[derive(Serialize, ToSchema)]
#[schema(as = Objected)]
pub(crate) struct ObjectedBody {
    /// Whether the old address is the account's. If not, another account has taken it; ask an administrator.
    address_restored: bool,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<LinkRequest>,
) -> Result<HttpResponse, Problem> {
    let token = body.0.token;
    let objected = object_email(&caller, &state.identity, ObjectEmail { token }).await?;
    Ok(HttpResponse::Ok().json(ObjectedBody {
        address_restored: objected.address_restored,
    }))
}
