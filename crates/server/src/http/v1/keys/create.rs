use actix_web::{HttpResponse, http::header, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_app::keys::NewKey;
use vutf_crypto_keys::action::KEY_CREATE;
use vutf_identity::role::permission;
use vutf_kernel::{Class, Timestamp};

use super::{KeyBody, revision_tag};
use crate::http::{
    problem::{FieldError, Problem},
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/keys",
    access: Access::Permission(permission::KEYS_MANAGE),
    action: KEY_CREATE,
    rate: RateClass::Admin,
    doc: Doc::new(
        "keys",
        "Make the first key of a purpose, or a version that is not in use yet",
    )
    .takes::<CreateKeyRequest>()
    .answers::<KeyBody>(201)
    .tagged()
    .refuses(&[409]),
};

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKeyRequest {
    /// Its one use. For other programs: `encrypt:NAME`, `hmac:NAME` or `sign:NAME`, a name of 1 to 63 of `a-z`, `0-9`, `_`, `-`.
    #[schema(example = "encrypt:orders")]
    purpose: String,
    /// Whether it protects from now on; otherwise it waits to be activated.
    #[serde(default = "at_once")]
    #[schema(default = true)]
    activate: bool,
    /// When it should be rotated at the latest, RFC 3339; the cryptoperiod of its purpose by default.
    #[schema(value_type = Option<String>, format = DateTime)]
    not_after: Option<Timestamp>,
}

const fn at_once() -> bool {
    true
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<CreateKeyRequest>,
) -> Result<HttpResponse, Problem> {
    let made = state.keys().create(&caller, body.0.command()?).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/api/v1/keys/{}", made.id)))
        .insert_header(revision_tag(made.revision))
        .json(KeyBody::from(made)))
}

impl CreateKeyRequest {
    fn command(self) -> Result<NewKey, Problem> {
        let purpose = self.purpose.parse().map_err(|_unknown| {
            let detail = "use encrypt:NAME, hmac:NAME or sign:NAME, or a purpose that GET /api/v1/keys shows";
            let error = FieldError::new("/purpose", "purpose", detail);
            Problem::new(Class::Invalid, "invalid_value").errors(vec![error])
        })?;
        Ok(NewKey {
            purpose,
            activate: self.activate,
            not_after: self.not_after,
        })
    }
}
