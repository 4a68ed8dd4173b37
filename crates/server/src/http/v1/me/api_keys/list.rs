use actix_web::{HttpResponse, web};
use serde::Deserialize;
use vutf_identity::{
    action,
    api_key::{
        Whose,
        list::{ListApiKeys, list},
    },
};

use crate::http::{
    problem::Problem,
    request::{Caller, List, Paging, Query},
    route::{Access, Doc, Endpoint, Method, PAGING, RateClass},
    state::AppState,
    v1::api_keys::ApiKeyBody,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/me/api-keys",
    access: Access::Session,
    action: action::API_KEY_LIST,
    rate: RateClass::Default,
    doc: Doc::new("me", "See one's own API keys, ended ones included, oldest first")
        .query(&[PAGING[0], PAGING[1]])
        .answers::<List<ApiKeyBody>>(200),
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
    let command = ListApiKeys {
        whose: Whose::Own,
        owner: None,
        page: paging.request(query.0.limit, query.0.cursor.as_deref())?,
    };
    let found = list(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Ok().json(paging.answer(found, ApiKeyBody::from)?))
}
