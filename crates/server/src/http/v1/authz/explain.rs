use std::net::IpAddr;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{
    action,
    policy::{
        ActorKind, Broken, Truth,
        explain::{Circumstances, Explain, Explanation, explain},
    },
};
use vutf_kernel::{Aal, Assurance, Permission, Timestamp, UserId};

use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/authz/explain",
    access: Access::Session,
    action: action::AUTHORIZATION_EXPLAIN,
    rate: RateClass::Admin,
    doc: Doc::new(
        "authorisation",
        "Tell why the caller, or for those who may see roles somebody else, may do something or may not",
    )
    .takes::<ExplainRequest>()
    .answers::<ExplanationBody>(200)
    .refuses(&[403, 404]),
};

/// What is asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainRequest {
    /// About whom; oneself by default.
    subject: Option<Uuid>,
    /// The permission.
    #[schema(example = "keys:manage")]
    permission: String,
    /// To what kind of thing, as in the audit log.
    #[schema(example = "key")]
    resource_kind: Option<String>,
    /// To which.
    resource_id: Option<Uuid>,
    /// When; now by default.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// From where; of oneself, from where this request comes.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    ip: Option<IpAddr>,
    /// The level that was proved, `aal1`, `aal2` or `aal3`; of oneself, that of this session.
    #[schema(value_type = Option<String>, example = "aal2")]
    acr: Option<Aal>,
    /// `user` or `api_key`; of oneself, as what this request is made.
    #[schema(value_type = Option<String>, example = "user")]
    actor: Option<ActorKind>,
}

/// Why.
#[derive(Serialize, ToSchema)]
#[schema(as = Explanation)]
pub(crate) struct ExplanationBody {
    /// `allow`, `deny`, or `depends`: on what was not said here.
    #[schema(example = "deny")]
    decision: &'static str,
    /// About whom.
    subject: Uuid,
    /// The roles that grant it; none: it is not granted.
    #[schema(example = json!(["key_custodian"]))]
    granted_by: Vec<String>,
    /// The policies that are about it.
    policies: Vec<JudgedBody>,
    /// Whether no policy counts, because the session broke the glass.
    unbounded: bool,
}

/// A policy that is about what was asked.
#[derive(Serialize, ToSchema)]
#[schema(as = JudgedPolicy)]
pub(crate) struct JudgedBody {
    /// Its id.
    id: Uuid,
    /// What it is called.
    name: String,
    /// `yes`, `no`, or `depends`.
    #[schema(example = "yes")]
    forbids: &'static str,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<&'static str>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<ExplainRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command(state.identity.ambient.now());
    let explanation = explain(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Ok().json(ExplanationBody::from(explanation)))
}

impl ExplainRequest {
    fn command(self, now: Timestamp) -> Explain {
        let assurance = self.acr.map(|aal| Assurance {
            aal,
            auth_time: self.at.unwrap_or(now),
            amr: Vec::new(),
        });
        Explain {
            subject: self.subject.map(UserId::from_uuid),
            permission: Permission::parse(self.permission),
            resource_kind: self.resource_kind,
            resource_id: self.resource_id,
            circumstances: Circumstances {
                at: self.at,
                ip: self.ip,
                assurance,
                actor: self.actor,
            },
        }
    }
}

impl From<Explanation> for ExplanationBody {
    fn from(explanation: Explanation) -> Self {
        let judged = explanation.policies.into_iter().map(|policy| JudgedBody {
            id: policy.id.as_uuid(),
            name: policy.name,
            forbids: match policy.forbids {
                Truth::Yes => "yes",
                Truth::No => "no",
                Truth::Unknown => "depends",
            },
            broken: policy.broken.map(Broken::as_str),
        });
        Self {
            decision: explanation.verdict.as_str(),
            subject: explanation.subject.as_uuid(),
            granted_by: explanation.granted_by,
            policies: judged.collect(),
            unbounded: explanation.unbounded,
        }
    }
}
