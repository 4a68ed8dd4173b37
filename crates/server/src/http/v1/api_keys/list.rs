use actix_web::{HttpResponse, web};
use serde::Deserialize;
use uuid::Uuid;
use vutf_identity::{
    action,
    api_key::{
        Whose,
        list::{ListApiKeys, list},
    },
    role::permission,
};
use vutf_kernel::UserId;

use super::ApiKeyBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List, Paging, Query},
    route::{Access, Doc, Endpoint, Method, PAGING, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/api-keys",
    access: Access::Permission(permission::API_KEYS_READ),
    action: action::API_KEY_LIST,
    rate: RateClass::Admin,
    doc: Doc::new("api-keys", "List API keys, ended ones included, oldest first")
        .query(&[PAGING[0], PAGING[1], ("owner", "Only those of this account.")])
        .answers::<List<ApiKeyBody>>(200),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<u16>,
    cursor: Option<String>,
    owner: Option<Uuid>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let paging = Paging::new(&state.keyring, &caller, ENDPOINT.action.name);
    let command = ListApiKeys {
        whose: Whose::Others,
        owner: query.0.owner.map(UserId::from_uuid),
        page: paging.request(query.0.limit, query.0.cursor.as_deref())?,
    };
    let found = list(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Ok().json(paging.answer(found, ApiKeyBody::from)?))
}
