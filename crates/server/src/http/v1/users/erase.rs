use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_app::erasure::{Erase, Reason, Reference};
use vutf_identity::{action, role::permission};
use vutf_kernel::{Class, UserId};

use super::erasure::CertificateBody;
use crate::http::{
    problem::{FieldError, Problem},
    request::{Caller, Id, IfMatch, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/users/{id}/erase",
    access: Access::Permission(permission::SUBJECTS_ERASE),
    action: action::SUBJECT_ERASE,
    rate: RateClass::Admin,
    doc: Doc::new(
        "users",
        "Erase a person for good: destroys their keys and empties their rows; answers the certificate",
    )
    .takes::<EraseRequest>()
    .answers::<CertificateBody>(200)
    .conditional()
    .refuses(&[409]),
};

/// Why a person is erased.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EraseRequest {
    /// `request`, `retention`, `unlawful` or `obligation`.
    #[schema(example = "request")]
    reason: String,
    /// Where the case is kept: 1 to 64 of `A-Z a-z 0-9 . _ -`. It stays in the audit log for good and must not name the person.
    #[schema(example = "DSR-2026-17", max_length = 64)]
    reference: Option<String>,
}

impl EraseRequest {
    fn parse(self, user_id: UserId, read: IfMatch) -> Result<Erase, Problem> {
        let invalid = |pointer, code, detail| {
            let error = FieldError::new(pointer, code, detail);
            Problem::new(Class::Invalid, "invalid_value").errors(vec![error])
        };
        let reason = Reason::parse(&self.reason);
        let reference = self.reference.as_deref().map(Reference::parse);
        if reference == Some(None) {
            return Err(invalid("/reference", "reference", "1 to 64 of A-Z a-z 0-9 . _ -"));
        }
        Ok(Erase {
            user_id,
            expected_version: read.0,
            reason: reason.ok_or_else(|| invalid("/reason", "reason", GIVEN))?,
            reference: reference.flatten(),
        })
    }
}

const GIVEN: &str = "one of request, retention, unlawful, obligation";

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    read: IfMatch,
    body: Json<EraseRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.parse(UserId::from_uuid(id.0), read)?;
    let certificate = state.erasure().erase(&caller, command).await?;
    Ok(HttpResponse::Ok().json(CertificateBody::from(certificate)))
}
