use actix_web::HttpResponse;

use vutf_kernel::Action;

use crate::http::route::{Access, Doc, Endpoint, Method, RateClass};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/live",
    access: Access::Anonymous,
    action: Action::new("health.api-live", "health"),
    rate: RateClass::Unlimited,
    doc: Doc::new("operations", "Whether the process answers").answers::<super::AliveBody>(200),
};

pub(crate) async fn handle() -> HttpResponse {
    super::alive()
}
