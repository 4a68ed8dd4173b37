use std::sync::OnceLock;

use actix_web::HttpResponse;

use vutf_kernel::Action;

use crate::{
    http::{
        problem::Problem,
        route::{Access, Doc, Endpoint, Method, RateClass},
    },
    openapi,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/openapi.json",
    access: Access::Anonymous,
    action: Action::new("document.openapi", "document"),
    rate: RateClass::Default,
    doc: Doc::new("operations", "This document").answers_media("application/json"),
};

pub(crate) async fn handle() -> Result<HttpResponse, Problem> {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = if let Some(text) = TEXT.get() {
        text
    } else {
        let made = openapi::pretty().map_err(Problem::internal)?;
        TEXT.get_or_init(|| made)
    };
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header(("cache-control", "public, max-age=300"))
        .body(text.as_str()))
}
