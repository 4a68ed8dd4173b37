use actix_web::{HttpResponse, web};
use serde::Deserialize;
use vutf_identity::{
    UserKind, action,
    repo::UserFilter,
    role::permission,
    user::list::{ListUsers, list},
};

use crate::http::{
    problem::Problem,
    request::{Caller, List, Paging, Query},
    route::{Access, Doc, Endpoint, Method, PAGING, RateClass},
    state::AppState,
    v1::users::UserBody,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/service-accounts",
    access: Access::Permission(permission::USERS_READ),
    action: action::USER_LIST,
    rate: RateClass::UserList,
    doc: Doc::new("api-keys", "List service accounts by ascending id")
        .query(&[PAGING[0], PAGING[1]])
        .answers::<List<UserBody>>(200),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<u16>,
    cursor: Option<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let paging = Paging::new(&state.keyring, &caller, "user.list.service");
    let command = ListUsers {
        filter: UserFilter {
            kind: Some(UserKind::Service),
            ..UserFilter::default()
        },
        page: paging.request(query.0.limit, query.0.cursor.as_deref())?,
    };
    let found = list(&caller, &state.identity, command).await?;
    let answer = paging.answer(found, |user| UserBody::new(user, None))?;
    Ok(HttpResponse::Ok().json(answer))
}
