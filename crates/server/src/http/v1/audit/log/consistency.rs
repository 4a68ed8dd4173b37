use actix_web::{HttpResponse, web};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_audit::{TreeConsistency, access::action, prove::consistency};
use vutf_identity::role::permission;

use crate::http::{
    problem::Problem,
    request::{Caller, Query},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/log/consistency",
    access: Access::Permission(permission::AUDIT_READ),
    action: action::CONSISTENCY,
    rate: RateClass::Default,
    doc: Doc::new("audit", "Prove that a larger tree begins with a smaller one")
        .query(&[
            ("from", "The smaller size, from 1."),
            ("to", "The larger size; the newest checkpoint's by default."),
        ])
        .answers::<ConsistencyBody>(200)
        .refuses(&[404]),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sizes {
    from: u64,
    to: Option<u64>,
}

/// That one tree begins with another (RFC 9162, section 2.1.4).
#[derive(Serialize, ToSchema)]
#[schema(as = AuditConsistency)]
pub(crate) struct ConsistencyBody {
    /// The smaller size.
    from: u64,
    /// The larger one.
    to: u64,
    /// Hashes, each in base64.
    hashes: Vec<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    sizes: Query<Sizes>,
) -> Result<HttpResponse, Problem> {
    let shown = consistency(&caller, state.log(), sizes.0.from, sizes.0.to).await?;
    Ok(HttpResponse::Ok().json(ConsistencyBody::of(&shown)))
}

impl ConsistencyBody {
    fn of(shown: &TreeConsistency) -> Self {
        Self {
            from: shown.from,
            to: shown.to,
            hashes: shown.hashes.iter().map(|hash| STANDARD.encode(hash)).collect(),
        }
    }
}
