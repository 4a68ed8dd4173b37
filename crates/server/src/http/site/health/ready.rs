use actix_web::{HttpRequest, HttpResponse, web};

use vutf_kernel::Action;

use crate::http::{
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/health/ready",
    access: Access::Anonymous,
    action: Action::new("health.ready", "health"),
    rate: RateClass::Unlimited,
    doc: Doc::new("operations", "Whether requests should be sent here").answers::<super::HealthBody>(200),
};

pub(crate) async fn handle(state: web::Data<AppState>, request: HttpRequest) -> HttpResponse {
    super::public(&state, &request).await
}
