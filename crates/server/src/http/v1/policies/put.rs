use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    policy::{
        PolicyName,
        put::{PutPolicy, put},
    },
    role::permission,
};
use vutf_kernel::PolicyId;

use super::{PolicyBody, parsed};
use crate::http::{
    problem::{Fields, Problem},
    request::{Caller, Id, IfMatch, Json, etag},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Put,
    path: "/api/v1/policies/{id}",
    access: Access::Permission(permission::POLICIES_MANAGE),
    action: action::POLICY_PUT,
    rate: RateClass::Admin,
    doc: Doc::new(
        "authorisation",
        "Make a policy under an id of one's choice, or replace the one of the version in `If-Match`",
    )
    .takes::<PutPolicyRequest>()
    .answers::<PolicyBody>(200)
    .or_answers::<PolicyBody>(201)
    .tagged()
    .preconditioned()
    .refuses(&[409, 412, 428]),
};

/// What a policy is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutPolicyRequest {
    /// What it is called; 1 to 64 characters, shown to whoever it bars.
    #[schema(example = "keys from the office only")]
    name: String,
    /// What it says; see the guide "Write a policy".
    #[schema(value_type = Object, example = json!({
        "effect": "forbid", "permissions": ["keys:manage"], "unless": [{"network": ["192.0.2.0/24"]}],
    }))]
    rule: Value,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    version: IfMatch,
    body: Json<PutPolicyRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command(PolicyId::from_uuid(id.0), version)?;
    let (policy, is_new) = put(&caller, &state.identity, command).await?;
    let mut response = if is_new {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    Ok(response
        .insert_header(etag(policy.stamps.version))
        .json(PolicyBody::from(&policy)))
}

impl PutPolicyRequest {
    fn command(self, policy_id: PolicyId, version: IfMatch) -> Result<PutPolicy, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", PolicyName::parse(&self.name));
        let rule = fields.take("/rule", parsed(&self.rule));
        let (Some(name), Some(rule)) = (name, rule) else {
            return Err(fields.into_problem());
        };
        Ok(PutPolicy {
            policy_id,
            expected_version: version.0,
            name,
            rule,
        })
    }
}
