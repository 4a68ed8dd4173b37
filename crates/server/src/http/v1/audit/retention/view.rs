use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_audit::retention::{ClassStatus, Kept, Policy, action};
use vutf_identity::role::permission;
use vutf_kernel::Timestamp;

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/retention",
    access: Access::Permission(permission::AUDIT_READ),
    action: action::RETENTION,
    rate: RateClass::Admin,
    doc: Doc::new(
        "audit",
        "See which events are kept for how long, and which may go",
    )
    .answers::<RetentionBody>(200),
};

/// How long events are kept.
#[derive(Serialize, ToSchema)]
#[schema(as = Retention)]
pub(crate) struct RetentionBody {
    /// Whether anything is removed.
    enabled: bool,
    /// The version of the policy: equal periods have equal versions.
    policy: String,
    /// Class by class; each event is of exactly one.
    classes: Vec<ClassBody>,
}

/// A class of events.
#[derive(Serialize, ToSchema)]
#[schema(as = RetentionClass)]
pub(crate) struct ClassBody {
    /// Its name.
    #[schema(example = "reads")]
    name: &'static str,
    /// What falls into it.
    about: &'static str,
    /// Patterns of actions; empty for the class that takes the rest.
    actions: &'static [&'static str],
    /// For how many days it is kept; `null` for good.
    period_days: Option<u64>,
    /// No policy may fall below.
    floor_days: Option<u64>,
    /// Events of it, of all tenants.
    events: u64,
    /// When the oldest of them happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<String>,
    /// What happened before this instant may go now.
    #[schema(value_type = Option<String>, format = DateTime)]
    cutoff: Option<String>,
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let retention = state.retention();
    let policy = &retention.settings.policy;
    let classes = retention.status(&caller).await?.into_iter();
    let classes = classes.map(|status| ClassBody::of(&status, policy));
    Ok(HttpResponse::Ok().json(RetentionBody {
        enabled: retention.settings.enabled,
        policy: policy.version(),
        classes: classes.collect(),
    }))
}

impl ClassBody {
    fn of(status: &ClassStatus, policy: &Policy) -> Self {
        Self {
            name: status.class.name,
            about: status.class.about,
            actions: status.class.actions,
            period_days: policy.period(status.class).map(|period| period.as_secs() / DAY),
            floor_days: match status.class.kept {
                Kept::ForGood => None,
                Kept::For { floor, .. } => Some(floor.as_secs() / DAY),
            },
            events: status.count,
            oldest: status.oldest.map(Timestamp::rfc3339),
            cutoff: status.cutoff.map(Timestamp::rfc3339),
        }
    }
}

const DAY: u64 = 86_400;
