use actix_web::{HttpResponse, web};
use serde::Deserialize;
use vutf_identity::{action, invitation::list::list, role::permission};

use super::InvitationBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List, Paging, Query},
    route::{Access, Doc, Endpoint, Method, PAGING, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/invitations",
    access: Access::Permission(permission::USERS_READ),
    action: action::INVITATION_LIST,
    rate: RateClass::UserList,
    doc: Doc::new(
        "users",
        "List invitations that nobody has accepted, by ascending id",
    )
    .query(&PAGING)
    .answers::<List<InvitationBody>>(200),
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
    let paging = Paging::new(&state.keyring, &caller, ENDPOINT.action.name);
    let page = paging.request(query.0.limit, query.0.cursor.as_deref())?;
    let found = list(&caller, &state.identity, page).await?;
    let answer = paging.answer(found, InvitationBody::from)?;
    Ok(HttpResponse::Ok().json(answer))
}
