use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::{action, mfa::remove::remove};

use super::super::OtherSessionsBody;
use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Delete,
    path: "/api/v1/me/mfa/totp",
    access: Access::Session,
    action: action::MFA_REMOVE,
    rate: RateClass::Default,
    doc: Doc::new(
        "me",
        "Remove one's own authenticator app, and the backup codes with the last factor",
    )
    .answers::<RemovedBody>(200)
    .refuses(&[409]),
};

/// The factor is gone.
#[derive(Serialize, ToSchema)]
#[schema(as = FactorRemoved)]
pub(crate) struct RemovedBody {
    /// Sessions beside this one.
    other_sessions: OtherSessionsBody,
}

impl From<usize> for RemovedBody {
    fn from(others: usize) -> Self {
        Self {
            other_sessions: others.into(),
        }
    }
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let others = remove(&caller, &state.identity).await?;
    Ok(HttpResponse::Ok().json(RemovedBody::from(others)))
}
