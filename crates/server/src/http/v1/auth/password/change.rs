use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{
    action,
    user::change_password::{ChangePassword, change_password},
};
use vutf_kernel::{Secret, SessionId};

use crate::http::{
    cookies,
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/password/change",
    access: Access::Session,
    action: action::PASSWORD_CHANGE,
    rate: RateClass::Login,
    doc: Doc::new(
        "auth",
        "Set one's own password anew; all other sessions end unless it says otherwise",
    )
    .takes::<ChangePasswordRequest>()
    .answers::<PasswordChangedBody>(200)
    .refuses(&[403, 409]),
};

/// The present password and the one to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePasswordRequest {
    /// The present one. Wrong ones count as failed sign-ins do.
    #[schema(value_type = String, format = Password, write_only)]
    current_password: Secret<String>,
    /// The one to be: at least 15 characters, none that is guessed first.
    #[schema(value_type = String, format = Password, write_only)]
    new_password: Secret<String>,
    /// Whether the other sessions go on; `false` when it is absent.
    #[serde(default)]
    keep_other_sessions: bool,
}

/// The password is another one.
#[derive(Serialize, ToSchema)]
#[schema(as = PasswordChanged)]
pub(crate) struct PasswordChangedBody {
    /// Always `changed`.
    #[schema(example = "changed")]
    status: &'static str,
    /// The sessions that were ended; this one goes on.
    sessions_ended: Vec<Uuid>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<ChangePasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let command = ChangePassword {
        current: body.0.current_password,
        new: body.0.new_password,
        keep_other_sessions: body.0.keep_other_sessions,
    };
    let changed = change_password(&caller, &state.identity, command).await?;
    let mut answer = HttpResponse::Ok();
    if let Some((cookie, ends)) = &changed.cookie {
        cookies::give(&state, &mut answer, cookie, *ends)?;
    }
    Ok(answer.json(PasswordChangedBody {
        status: "changed",
        sessions_ended: changed.ended.iter().map(SessionId::as_uuid).collect(),
    }))
}
