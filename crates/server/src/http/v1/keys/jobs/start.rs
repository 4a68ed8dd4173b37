use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_app::jobs::NewJob;
use vutf_crypto_keys::{Purpose, action::KEY_JOB_START, job::JobKind};
use vutf_identity::role::permission;
use vutf_kernel::Class;

use super::{JobBody, accepted};
use crate::http::{
    problem::{FieldError, Problem},
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/keys/jobs",
    access: Access::Permission(permission::KEYS_MANAGE),
    action: KEY_JOB_START,
    rate: RateClass::Admin,
    doc: Doc::new("keys", "Write anew what older versions of a key protect")
        .takes::<StartJobRequest>()
        .answers::<JobBody>(202)
        .tagged()
        .refuses(&[409]),
};

/// Work to be done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StartKeyJobRequest)]
pub(crate) struct StartJobRequest {
    /// `reencrypt` seals fields anew, `rewrap` wraps keys under the newest tenant key, `reindex` makes blind indexes again.
    #[schema(example = "reencrypt")]
    kind: String,
    /// The key whose older versions are to be of no more use; for `rewrap` it is `tenant` and may be left out.
    #[schema(example = "field:users")]
    purpose: Option<String>,
    /// How many rows a second it may write, at least 1; as many as it can by default.
    #[schema(example = 500, minimum = 1)]
    rows_per_second: Option<u32>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<StartJobRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command()?;
    Ok(accepted(state.jobs().start(&caller, command).await?))
}

impl StartJobRequest {
    fn command(self) -> Result<NewJob, Problem> {
        let purpose = self.purpose.as_deref().map_or(Ok(Purpose::Tenant), str::parse);
        let kind = purpose.and_then(|purpose| JobKind::parse(&self.kind, purpose));
        let kind = kind.map_err(|_unknown| {
            let detail = "use reencrypt with field:TABLE, reindex with index:TABLE.COLUMN, or rewrap";
            refused("/kind", "job_kind", detail)
        })?;
        if self.rows_per_second == Some(0) {
            return Err(refused("/rows_per_second", "rows_per_second", "at least 1"));
        }
        Ok(NewJob {
            kind,
            rows_per_second: self.rows_per_second,
        })
    }
}

fn refused(pointer: &str, code: &str, detail: impl Into<String>) -> Problem {
    Problem::new(Class::Invalid, "invalid_value").errors(vec![FieldError::new(pointer, code, detail)])
}
