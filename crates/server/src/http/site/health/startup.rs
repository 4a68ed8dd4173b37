use actix_web::{HttpResponse, web};

use vutf_kernel::Action;

use crate::http::{
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/health/startup",
    access: Access::Anonymous,
    action: Action::new("health.startup", "health"),
    rate: RateClass::Unlimited,
    doc: Doc::new("operations", "Whether the start is over").answers::<super::AliveBody>(200),
};

pub(crate) async fn handle(state: web::Data<AppState>) -> HttpResponse {
    super::startup(&state)
}
