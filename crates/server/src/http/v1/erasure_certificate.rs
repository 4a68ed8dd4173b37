use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_identity::action;
use vutf_kernel::Secret;

use super::users::erasure::CertificateBody;
use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/erasure-certificate",
    access: Access::Anonymous,
    action: action::SUBJECT_ERASURE_READ,
    rate: RateClass::Login,
    doc: Doc::new(
        "me",
        "See, with the receipt of the request, what became of one's erasure: whoever was erased has no account to ask with",
    )
    .takes::<ReceiptRequest>()
    .answers::<ErasedBody>(200)
    .refuses(&[404]),
};

/// The receipt that was shown when the erasure was asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ErasureReceiptRequest)]
pub(crate) struct ReceiptRequest {
    /// It.
    #[schema(value_type = String, format = Password, write_only, example = "vutf_er_…")]
    receipt: Secret<String>,
}

/// What became of a request.
#[derive(Serialize, ToSchema)]
#[schema(as = ErasureOutcome)]
pub(crate) struct ErasedBody {
    /// `waiting` or `done`.
    #[schema(example = "done")]
    status: &'static str,
    /// Not before this.
    #[schema(value_type = String, format = DateTime)]
    due_at: String,
    /// What was done; `null` before that.
    certificate: Option<CertificateBody>,
    /// The same, signed by the key of the audit log's checkpoints: a C2SP signed note.
    statement: Option<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<ReceiptRequest>,
) -> Result<HttpResponse, Problem> {
    let signer = &*state.log_signer;
    let outcome = state
        .erasure()
        .by_receipt(&caller, signer, body.0.receipt)
        .await?;
    let (certificate, statement) = outcome.certificate.unzip();
    Ok(HttpResponse::Ok().json(ErasedBody {
        status: outcome.request.done_at.map_or("waiting", |_| "done"),
        due_at: outcome.request.due_at.rfc3339(),
        certificate: certificate.map(CertificateBody::from),
        statement,
    }))
}
