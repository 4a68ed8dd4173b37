use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::action;

use crate::http::{
    problem::Problem,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/system-use",
    access: Access::Anonymous,
    action: action::SYSTEM_USE_ACCEPT,
    rate: RateClass::Default,
    doc: Doc::new("auth", "The notice that everybody agrees to who signs in").answers::<SystemUseBody>(200),
};

/// The system-use notice.
#[derive(Serialize, ToSchema)]
#[schema(as = SystemUse)]
pub(crate) struct SystemUseBody {
    /// What it says; `null` where there is none.
    text: Option<String>,
    /// What is sent as `accept_system_use` with a sign-in.
    #[schema(example = "1")]
    version: Option<String>,
    /// Whether nobody signs in who does not agree.
    required: bool,
}

pub(crate) async fn handle(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let notice = &state.identity.settings.system_use;
    let is_there = !notice.text.is_empty();
    Ok(HttpResponse::Ok().json(SystemUseBody {
        text: is_there.then(|| notice.text.clone()),
        version: is_there.then(|| notice.version.clone()),
        required: notice.required,
    }))
}
