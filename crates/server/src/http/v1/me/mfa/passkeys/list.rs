use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::{action, passkey::list::list};

use super::PasskeyBody;
use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/me/mfa/passkeys",
    access: Access::Session,
    action: action::PASSKEY_LIST,
    rate: RateClass::Default,
    doc: Doc::new("me", "See one's own passkeys, oldest first").answers::<PasskeysBody>(200),
};

/// All of one's own: there are few.
#[derive(Serialize, ToSchema)]
#[schema(as = Passkeys)]
pub(crate) struct PasskeysBody {
    /// Oldest first.
    items: Vec<PasskeyBody>,
    /// Always `null`: they are all here.
    next_cursor: Option<String>,
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let passkeys = list(&caller, &state.identity).await?;
    Ok(HttpResponse::Ok().json(PasskeysBody {
        items: passkeys.iter().map(PasskeyBody::from).collect(),
        next_cursor: None,
    }))
}
