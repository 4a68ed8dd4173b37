use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_app::erasure::{Certificate, DestroyedKey};
use vutf_identity::{action, role::permission};
use vutf_kernel::{Actor, UserId};

use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/users/{id}/erasure",
    access: Access::Permission(permission::SUBJECTS_ERASE),
    action: action::SUBJECT_ERASURE_READ,
    rate: RateClass::Admin,
    doc: Doc::new("users", "See the certificate of a person who was erased").answers::<CertificateBody>(200),
};

/// What an erasure did. The audit event `event_id` says the same, and is proved by the log.
#[derive(Serialize, ToSchema)]
#[schema(as = ErasureCertificate)]
pub(crate) struct CertificateBody {
    /// The event `subject.erase`.
    event_id: Uuid,
    /// The person, by the id that alone is left of them.
    subject_id: Uuid,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    erased_at: String,
    /// Who: `type` is `user`, `operator` or `system`.
    #[schema(value_type = Object, example = json!({"type": "operator"}))]
    erased_by: Actor,
    /// `request`, `retention`, `unlawful` or `obligation`.
    #[schema(example = "request")]
    reason: &'static str,
    /// Where the case is kept.
    reference: Option<String>,
    /// The keys that were destroyed.
    keys: Vec<DestroyedKeyBody>,
    /// Rows that were removed or emptied, by table.
    rows: BTreeMap<String, u64>,
    /// The erasure that this one repeats, after an older database was restored.
    replay_of: Option<Uuid>,
}

/// A key that is no more.
#[derive(Serialize, ToSchema)]
#[schema(as = DestroyedKey)]
pub(crate) struct DestroyedKeyBody {
    /// Its id.
    id: Uuid,
    /// Its version.
    version: u32,
    /// In hex: whoever finds a copy of the key can prove that it was this one.
    fingerprint: String,
}

impl From<Certificate> for CertificateBody {
    fn from(certificate: Certificate) -> Self {
        let key = |key: DestroyedKey| DestroyedKeyBody {
            id: key.id.as_uuid(),
            version: key.version,
            fingerprint: key.fingerprint,
        };
        Self {
            event_id: certificate.event_id.as_uuid(),
            subject_id: certificate.subject_id.as_uuid(),
            erased_at: certificate.erased_at.rfc3339(),
            erased_by: certificate.erased_by,
            reason: certificate.reason.as_str(),
            reference: certificate
                .reference
                .map(|reference| reference.as_str().to_owned()),
            keys: certificate.keys.into_iter().map(key).collect(),
            rows: certificate.rows,
            replay_of: certificate.replay_of.map(|event| event.as_uuid()),
        }
    }
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let certificate = state
        .erasure()
        .certificate(&caller, UserId::from_uuid(id.0))
        .await?;
    Ok(HttpResponse::Ok().json(CertificateBody::from(certificate)))
}
