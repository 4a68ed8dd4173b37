use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_audit::{EventProof, access::action, prove::prove};
use vutf_identity::role::permission;
use vutf_kernel::EventId;

use super::log::{UnderQuery, WITNESSED};
use crate::http::{
    problem::Problem,
    request::{Caller, Id, Query},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/events/{id}/proof",
    access: Access::Permission(permission::AUDIT_READ),
    action: action::PROVE,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "Prove that an event is in the log")
        .query(&[WITNESSED])
        .answers::<ProofBody>(200)
        .refuses(&[409]),
};

/// An event, and that it is in the log.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditProof)]
pub(crate) struct ProofBody {
    /// The event.
    id: Uuid,
    /// Its place in the log, from 0.
    seq: u64,
    /// The entry, byte for byte as it was hashed.
    entry: String,
    /// A C2SP tlog-proof: place, hashes, signed checkpoint. It verifies with the entry and the log's public key alone.
    #[schema(example = "c2sp.org/tlog-proof@v1\nindex 4711\n…")]
    proof: String,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    query: Query<UnderQuery>,
) -> Result<HttpResponse, Problem> {
    let (id, under) = (EventId::from_uuid(id.0), state.under(query.0.witnessed));
    let shown = prove(&caller, state.log(), id, under).await?;
    Ok(HttpResponse::Ok().json(ProofBody::of(shown)?))
}

impl ProofBody {
    fn of(shown: EventProof) -> Result<Self, Problem> {
        Ok(Self {
            id: shown.record.intake.id.as_uuid(),
            seq: shown.proof.index,
            entry: String::from_utf8(shown.record.intake.body).map_err(Problem::internal)?,
            proof: shown.proof.to_string(),
        })
    }
}
