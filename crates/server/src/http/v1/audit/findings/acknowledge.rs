use actix_web::{HttpResponse, web};
use vutf_audit::analysis::{action::FINDING_ACKNOWLEDGE, findings};
use vutf_identity::role::permission;
use vutf_kernel::FindingId;

use super::{DetailBody, NoteRequest, shown};
use crate::http::{
    problem::Problem,
    request::{Caller, Id, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/audit/findings/{id}/acknowledge",
    access: Access::Permission(permission::AUDIT_MANAGE),
    action: FINDING_ACKNOWLEDGE,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "Take a new finding on")
        .takes::<NoteRequest>()
        .answers::<DetailBody>(200)
        .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    body: Json<NoteRequest>,
) -> Result<HttpResponse, Problem> {
    let (id, note) = (FindingId::from_uuid(id.0), body.0.note);
    let found = findings::acknowledge(&caller, state.analysis(), id, note.as_deref()).await?;
    Ok(shown(&found))
}
