use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    passkey::remove::{RemovePasskey, remove},
};
use vutf_kernel::FactorId;

use super::super::totp::remove::RemovedBody;
use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Delete,
    path: "/api/v1/me/mfa/passkeys/{id}",
    access: Access::Session,
    action: action::PASSKEY_REMOVE,
    rate: RateClass::Default,
    doc: Doc::new(
        "me",
        "Remove one of one's own passkeys, and the backup codes with the last factor",
    )
    .answers::<RemovedBody>(200)
    .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let command = RemovePasskey {
        id: FactorId::from_uuid(id.0),
    };
    let others = remove(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Ok().json(RemovedBody::from(others)))
}
