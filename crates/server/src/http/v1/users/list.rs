use actix_web::{HttpResponse, web};
use serde::Deserialize;
use vutf_identity::{
    UserKind, UserStatus, action,
    repo::UserFilter,
    role::permission,
    user::list::{ListUsers, list},
};
use vutf_kernel::Timestamp;

use super::UserBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List, Paging, Query},
    route::{Access, Doc, Endpoint, Method, PAGING, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/users",
    access: Access::Permission(permission::USERS_READ),
    action: action::USER_LIST,
    rate: RateClass::UserList,
    doc: Doc::new("users", "List users by ascending id")
        .query(&[
            PAGING[0],
            PAGING[1],
            ("kind", "Only these: `person` or `service`."),
            (
                "inactive_since",
                "Only who was not seen since then (RFC 3339); who was never there counts from when their account was made.",
            ),
            (
                "status",
                "Only these: `unverified`, `active`, `locked` or `disabled`.",
            ),
        ])
        .answers::<List<UserBody>>(200),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<u16>,
    cursor: Option<String>,
    status: Option<Status>,
    kind: Option<Kind>,
    inactive_since: Option<Timestamp>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Unverified,
    Active,
    Locked,
    Disabled,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Person,
    Service,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let paging = Paging::new(&state.keyring, &caller, ENDPOINT.action.name);
    let page = paging.request(query.0.limit, query.0.cursor.as_deref())?;
    let filter = UserFilter {
        status: query.0.status.map(UserStatus::from),
        kind: query.0.kind.map(UserKind::from),
        inactive_since: query.0.inactive_since,
    };
    let found = list(&caller, &state.identity, ListUsers { filter, page }).await?;
    let answer = paging.answer(found, |user| UserBody::new(user, None))?;
    Ok(HttpResponse::Ok().json(answer))
}

impl From<Kind> for UserKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Person => Self::Person,
            Kind::Service => Self::Service,
        }
    }
}

impl From<Status> for UserStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Unverified => Self::Unverified,
            Status::Active => Self::Active,
            Status::Locked => Self::Locked,
            Status::Disabled => Self::Disabled,
        }
    }
}
