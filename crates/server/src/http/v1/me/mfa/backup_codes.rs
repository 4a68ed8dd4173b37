use actix_web::{HttpResponse, web};
use vutf_identity::{action, mfa::regenerate::regenerate};

use super::BackupCodesBody;
use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/me/mfa/backup-codes",
    access: Access::Session,
    action: action::MFA_BACKUP_CODES,
    rate: RateClass::Default,
    doc: Doc::new("me", "Make new backup codes; the old ones count no more")
        .answers::<BackupCodesBody>(200)
        .refuses(&[409]),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let codes = regenerate(&caller, &state.identity).await?;
    Ok(HttpResponse::Ok().json(BackupCodesBody::new(&codes)))
}
