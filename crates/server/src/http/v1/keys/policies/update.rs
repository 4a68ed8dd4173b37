use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_app::keys::KeysetChange;
use vutf_crypto_keys::{KeysetPolicy, action::KEYSET_UPDATE};
use vutf_identity::role::permission;
use vutf_kernel::Class;

use super::{LimitBody, PolicyBody, shown};
use crate::http::{
    problem::{FieldError, Problem},
    request::{Caller, IfMatch, Json, Member, OfPurpose},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Patch,
    path: "/api/v1/keys/policies/{purpose}",
    access: Access::Permission(permission::KEYS_MANAGE),
    action: KEYSET_UPDATE,
    rate: RateClass::Admin,
    doc: Doc::new("keys", "Decide what holds for all versions of a purpose's key")
        .takes::<UpdatePolicyRequest>()
        .answers::<PolicyBody>(200)
        .tagged()
        .conditional()
        .refuses(&[404, 409]),
};

/// What is to be different; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateKeyPolicyRequest)]
pub(crate) struct UpdatePolicyRequest {
    /// Versions below it are refused for every operation from now on; not above what rows still need.
    minimum_version: Option<u32>,
    /// Whether a suspended version may read what it protected.
    suspended_may_process: Option<bool>,
    /// How long a version protects, an hour to ten years; `null`: as its purpose says.
    #[serde(default)]
    #[schema(value_type = Option<u64>)]
    cryptoperiod_seconds: Member<u64>,
    /// How much a version protects before it is rotated; `null`: as its purpose says.
    #[serde(default)]
    #[schema(value_type = Option<LimitBody>)]
    limit: Member<LimitBody>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    purpose: OfPurpose,
    read: IfMatch,
    body: Json<UpdatePolicyRequest>,
) -> Result<HttpResponse, Problem> {
    let change = body.0.change(read)?;
    state.keys().set_policy(&caller, &purpose.0, &change).await?;
    Ok(shown(&state.keys().policy(&caller, &purpose.0).await?))
}

impl UpdatePolicyRequest {
    fn change(self, read: IfMatch) -> Result<KeysetChange, Problem> {
        let refused = |pointer, code, detail| {
            let error = FieldError::new(pointer, code, detail);
            Problem::new(Class::Invalid, "invalid_value").errors(vec![error])
        };
        // The tag is one more than the revision; a foreign one is that of no revision.
        let tag = read
            .0
            .ok_or_else(|| Problem::new(Class::PreconditionRequired, "precondition_required"))?;
        let revision = tag
            .checked_sub(1)
            .and_then(|revision| u64::try_from(revision).ok());
        if let Member::Given(seconds) = self.cryptoperiod_seconds
            && !KeysetPolicy::admits_cryptoperiod(Duration::from_secs(seconds))
        {
            return Err(refused(
                "/cryptoperiod_seconds",
                "cryptoperiod",
                "an hour to ten years",
            ));
        }
        if let Member::Given(limit) = self.limit
            && !KeysetPolicy::admits_limit(limit.into())
        {
            return Err(refused("/limit", "limit", "at least one message and one byte"));
        }
        Ok(KeysetChange {
            revision: Some(revision.unwrap_or(u64::MAX)),
            minimum_version: self.minimum_version,
            suspended_may_process: self.suspended_may_process,
            cryptoperiod: match self.cryptoperiod_seconds {
                Member::Absent => None,
                Member::Null => Some(None),
                Member::Given(seconds) => Some(Some(Duration::from_secs(seconds))),
            },
            limit: match self.limit {
                Member::Absent => None,
                Member::Null => Some(None),
                Member::Given(limit) => Some(Some(limit.into())),
            },
        })
    }
}
