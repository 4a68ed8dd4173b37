use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{Session, action, session::list::list};
use vutf_kernel::{Actor, Ctx};

use crate::http::{
    problem::Problem,
    request::{Caller, List},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/me/sessions",
    access: Access::Session,
    action: action::SESSION_LIST,
    rate: RateClass::Default,
    doc: Doc::new("me", "See one's own sessions, newest first").answers::<List<SessionBody>>(200),
};

/// A place where one is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionBody {
    /// Its id.
    id: Uuid,
    /// Whether it is the one that asks.
    current: bool,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    /// `token` or `cookie`: how its client holds it.
    #[schema(example = "token")]
    kind: &'static str,
    /// When it was last used, to the minute.
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: String,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: String,
    /// What was proved: `aal1`, `aal2`, `aal3` (NIST SP 800-63B-4).
    #[schema(example = "aal1")]
    assurance: &'static str,
    /// From where.
    ip: Option<String>,
    /// With what.
    user_agent: Option<String>,
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let sessions = list(&caller, &state.identity).await?;
    let items = sessions
        .into_iter()
        .map(|session| SessionBody::new(&caller, session));
    Ok(HttpResponse::Ok().json(List {
        items: items.collect(),
        next_cursor: None,
    }))
}

impl SessionBody {
    fn new(ctx: &Ctx, session: Session) -> Self {
        let current = matches!(ctx.actor, Actor::User { session_id, .. } if session_id == session.id);
        Self {
            id: session.id.as_uuid(),
            current,
            kind: session.kind().as_str(),
            created_at: session.stamps.created_at.rfc3339(),
            last_seen_at: session.last_seen_at.rfc3339(),
            expires_at: session.expires_at.rfc3339(),
            assurance: session.assurance.aal.as_str(),
            ip: session.ip,
            user_agent: session.user_agent,
        }
    }
}
