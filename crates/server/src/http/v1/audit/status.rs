use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_audit::access::{action, status};
use vutf_identity::role::permission;

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/status",
    access: Access::Permission(permission::AUDIT_READ),
    action: action::STATUS,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "See how far the log has come").answers::<StatusBody>(200),
};

/// How far the log has come.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditStatus)]
pub(crate) struct StatusBody {
    /// Events that have no place yet.
    pending: u64,
    /// The last entry; `null` in an empty log.
    head: Option<HeadBody>,
}

/// The last entry.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditHead)]
pub(crate) struct HeadBody {
    /// Its place.
    seq: i64,
    /// The chain's hash after it, in hex. Note it elsewhere, and no entry before it can be changed unseen.
    chain: String,
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let status = status(&caller, state.log()).await?;
    Ok(HttpResponse::Ok().json(StatusBody {
        pending: status.pending,
        head: status.head.map(|leaf| HeadBody {
            seq: leaf.seq,
            chain: hex::encode(leaf.chain),
        }),
    }))
}
