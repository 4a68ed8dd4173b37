use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    policy::validate::{Trial, validate},
    role::permission,
};

use super::{parsed, shown};
use crate::http::{
    problem::{Fields, Problem},
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/policies/validate",
    access: Access::Permission(permission::POLICIES_MANAGE),
    action: action::POLICY_VALIDATE,
    rate: RateClass::Admin,
    doc: Doc::new(
        "authorisation",
        "Tell what a policy would take away from the caller now; nothing is made",
    )
    .takes::<ValidatePolicyRequest>()
    .answers::<TrialBody>(200),
};

/// A policy that is not made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidatePolicyRequest {
    /// What it is to say.
    #[schema(value_type = Object)]
    rule: Value,
}

/// What it would do.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyTrial)]
pub(crate) struct TrialBody {
    /// What it says, as it would be stored.
    #[schema(value_type = Object)]
    rule: Value,
    /// The caller's permissions that it would take away, as they are signed in now.
    takes: Vec<String>,
    /// Whether it would be refused, because the caller could not change policies any more.
    locks_out: bool,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<ValidatePolicyRequest>,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::default();
    let Some(rule) = fields.take("/rule", parsed(&body.0.rule)) else {
        return Err(fields.into_problem());
    };
    let trial = validate(&caller, &state.identity, rule).await?;
    Ok(HttpResponse::Ok().json(TrialBody::from(trial)))
}

impl From<Trial> for TrialBody {
    fn from(trial: Trial) -> Self {
        let takes = trial
            .takes
            .iter()
            .map(|permission| permission.as_str().to_owned());
        Self {
            rule: shown(&trial.rule),
            takes: takes.collect(),
            locks_out: trial.locks_out,
        }
    }
}
