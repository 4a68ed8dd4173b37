use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_audit::analysis::{Resolution, action::FINDING_RESOLVE, findings};
use vutf_identity::role::permission;
use vutf_kernel::FindingId;

use super::{DetailBody, shown};
use crate::http::{
    problem::Problem,
    request::{Caller, Id, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/audit/findings/{id}/resolve",
    access: Access::Permission(permission::AUDIT_MANAGE),
    action: FINDING_RESOLVE,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "Say that a finding is dealt with, or was nothing")
        .takes::<ResolveRequest>()
        .answers::<DetailBody>(200)
        .refuses(&[409]),
};

/// How it ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResolveFinding)]
pub(crate) struct ResolveRequest {
    /// Whether it was real.
    resolution: Ending,
    /// 1 to 200 bytes about the finding, not about a person: it stays in the log for good.
    note: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FindingResolution)]
enum Ending {
    /// It was, and is dealt with.
    Resolved,
    /// It was nothing.
    FalsePositive,
}

impl From<Ending> for Resolution {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Resolved => Self::Resolved,
            Ending::FalsePositive => Self::FalsePositive,
        }
    }
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    body: Json<ResolveRequest>,
) -> Result<HttpResponse, Problem> {
    let (id, how) = (FindingId::from_uuid(id.0), body.0.resolution.into());
    let note = body.0.note.as_deref();
    let found = findings::resolve(&caller, state.analysis(), id, how, note).await?;
    Ok(shown(&found))
}
