//! The one way to a handler: authenticate, count, authorise, run within bounds, and let nothing out that is not in the audit
//! log.
//!
//! Wrapped around each route by [`super::table`], with the endpoint it guards, so that no handler can be reached past it.

use std::panic::AssertUnwindSafe;

use actix_web::{
    Error, HttpMessage as _, HttpRequest, HttpResponse,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header},
    middleware::Next,
    web,
};
use futures_util::FutureExt as _;
use uuid::Uuid;
use vutf_identity::{
    api_key::{self, Token},
    mfa::Demand,
    refresh::TokenHash,
    role::permission::SELF_MANAGE,
    session::{AuthenticateError, authenticate, authenticate_cookie, place},
    token::TokenError,
};
use vutf_kernel::{Actor, Bounds, Class, Ctx, Decision, OrganizationId, Receipt, Secret};

use super::{
    audit, cookies, csrf,
    problem::Problem,
    rate::{self, Spent},
    request::{Arrival, Caller},
    route::{Access, Endpoint},
    state::AppState,
};

/// The header for API keys; they may come as bearer tokens, too.
const API_KEY: &str = "x-api-key";

/// Lets a request through to its handler, or refuses it.
///
/// In a task of its own: a client that resets its connection must not cancel what it began between a change and its record.
/// The task is bounded by the request time-out, and the queue for hashes by its own length.
pub(super) async fn guard(
    endpoint: &'static Endpoint,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let http = request.request().clone();
    let attended = actix_web::rt::spawn(attend(endpoint, request, next));
    attended.await.unwrap_or_else(|_ended| {
        tracing::error!(
            error.kind = "panic",
            route = endpoint.path,
            "a request was not finished"
        );
        Ok(refused(http, Problem::new(Class::Internal, "internal")))
    })
}

async fn attend(
    endpoint: &'static Endpoint,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let http = request.request().clone();
    let Some(state) = http.app_data::<web::Data<AppState>>().cloned() else {
        return Ok(refused(
            http,
            Problem::internal("no state in the application data"),
        ));
    };
    let arrival = Arrival::of(&state, &http);
    let (signed, spent, admitted) = admit(&state, endpoint, &http, &arrival).await;
    let ctx = Ctx {
        receipt: Receipt::of(endpoint.action, endpoint.other_action()),
        ..signed.ctx
    };
    let caller = Caller::new(ctx, signed.cookie);
    http.extensions_mut().insert(caller.clone());
    let response = match admitted {
        Ok(()) => run(&state, endpoint, request, next, http.clone()).await,
        Err(problem) => refused(http.clone(), problem),
    };
    let mut response = audit::settle(&state, endpoint, &caller, response).await;
    if let Some(spent) = spent {
        spent.write(response.headers_mut());
    }
    Ok(response)
}

/// The caller of a route that is open to anybody, if they show a valid token all the same.
pub(super) async fn recognise(state: &AppState, request: &HttpRequest) -> Option<Ctx> {
    let arrival = Arrival::of(state, request);
    let signed = signed_in(state, request, &arrival).await.ok()?;
    Some(signed.ctx)
}

/// Who is calling, and by which cookie, if by one.
struct Signed {
    ctx: Ctx,
    cookie: Option<TokenHash>,
    /// Whether it may do nothing but enrol a second factor.
    confined: bool,
    /// Whether nothing may be done but to change the password.
    password_due: bool,
}

async fn admit(
    state: &AppState,
    endpoint: &Endpoint,
    request: &HttpRequest,
    arrival: &Arrival,
) -> (Signed, Option<Spent>, Result<(), Problem>) {
    let stranger = || Signed {
        ctx: Ctx::anonymous(
            OrganizationId::DEFAULT,
            arrival.request_id.clone(),
            arrival.origin.clone(),
        ),
        cookie: None,
        confined: false,
        password_due: false,
    };
    let (signed, found) = match &endpoint.access {
        Access::Anonymous => (stranger(), Ok(())),
        _ => match signed_in(state, request, arrival).await {
            Ok(signed) => {
                let signed = about(endpoint, request, signed);
                let forged = signed.cookie.map(|cookie| csrf::check(state, request, &cookie));
                (signed, forged.unwrap_or(Ok(())))
            }
            Err(problem) => (stranger(), Err(problem)),
        },
    };
    // After authentication, so that a user has a budget of their own; a bad token counts against its network.
    let spent = rate::spend(state, endpoint.rate, &signed.ctx).await;
    let admitted = match spent.as_ref().and_then(Spent::refusal) {
        Some(refusal) => Err(refusal),
        None => found.and_then(|()| permitted(endpoint, &signed)),
    };
    let (signed, admitted) = match (admitted, endpoint.demand()) {
        (Ok(()), Some(demand)) => proved(state, request, arrival, signed, (endpoint, demand)).await,
        (admitted, _) => (signed, admitted),
    };
    (signed, spent, admitted)
}

/// Whether the session has proved what is demanded. Another replica may have taken a proof since this one looked: before it
/// refuses, it looks again.
async fn proved(
    state: &AppState,
    request: &HttpRequest,
    arrival: &Arrival,
    signed: Signed,
    (endpoint, demand): (&Endpoint, Demand),
) -> (Signed, Result<(), Problem>) {
    let now = state.identity.ambient.now();
    if demand.check(&signed.ctx, now).is_ok() {
        return (signed, Ok(()));
    }
    if let Actor::User { session_id, .. } = signed.ctx.actor {
        state.identity.sessions.forget(session_id);
    }
    match signed_in(state, request, arrival).await {
        Ok(signed) => {
            let met = demand.check(&signed.ctx, now);
            let signed = about(endpoint, request, signed);
            (signed, met.map_err(Problem::from))
        }
        Err(problem) => (signed, Err(problem)),
    }
}

/// The caller, whose policies are told what the request is about. What a session's own routes reach belongs to it.
fn about(endpoint: &Endpoint, request: &HttpRequest, signed: Signed) -> Signed {
    if signed.ctx.bounds.is_empty() {
        return signed;
    }
    if endpoint.leads_back() {
        let ctx = Ctx {
            bounds: Bounds::default(),
            ..signed.ctx
        };
        return Signed { ctx, ..signed };
    }
    let id = request
        .match_info()
        .get("id")
        .and_then(|id| id.parse::<Uuid>().ok());
    let resource = id.map_or_else(|| endpoint.action.none(), |id| endpoint.action.one(id));
    let user = signed.ctx.actor.user_id().map(|user| user.as_uuid());
    let own = match &endpoint.access {
        Access::Session => Some(true),
        _ if resource.kind == "user" => resource.id.map(|id| Some(id) == user),
        _ => None,
    };
    let ctx = Ctx {
        bounds: signed.ctx.bounds.clone().about(resource, own),
        ..signed.ctx
    };
    Signed { ctx, ..signed }
}

fn permitted(endpoint: &Endpoint, signed: &Signed) -> Result<(), Problem> {
    let ctx = &signed.ctx;
    if signed.confined && !endpoint.is_for_enrolment() {
        return Err(Problem::new(Class::Forbidden, "second_factor_needed"));
    }
    if signed.password_due && !endpoint.is_open_while_password_due() {
        return Err(Problem::new(Class::Forbidden, "password_change_required"));
    }
    if matches!(ctx.actor, Actor::ApiKey { .. }) && !endpoint.is_open_to_keys() {
        return Err(Problem::new(Class::Forbidden, "session_needed"));
    }
    let decided = match &endpoint.access {
        Access::Permission(needed) => ctx.decide(needed),
        Access::Session if !endpoint.tells_why() => ctx.decide_granted(&SELF_MANAGE),
        Access::Anonymous | Access::Session => Decision::Allowed,
    };
    match decided {
        Decision::Allowed => Ok(()),
        Decision::NotGranted => Err(Problem::new(Class::Forbidden, "forbidden")),
        Decision::Denied(denial) => Err(Problem::from(denial)),
    }
}

/// By the `Authorization` header or `X-API-Key` if there is one, whatever it holds: that is sent on purpose, and a cookie is not.
async fn signed_in(state: &AppState, request: &HttpRequest, arrival: &Arrival) -> Result<Signed, Problem> {
    let headers = request.headers();
    let on_purpose = headers.contains_key(header::AUTHORIZATION) || headers.contains_key(API_KEY);
    let caller = match cookies::read(request, cookies::SESSION) {
        Some(cookie) if !on_purpose => authenticate_cookie(&state.identity, &cookie).await?,
        _ => match credential(request)? {
            Credential::Token(bearer) => by_token(state, &bearer).await?,
            Credential::Key(key) => return by_key(state, &key, arrival).await,
        },
    };
    if let Some(used) = caller.used {
        state.uses.note(used);
    }
    let ctx = caller.ctx(arrival.request_id.clone(), arrival.origin.clone());
    // What cannot be noted is taken for another place all the same.
    let moved = place::watch(&ctx, &state.identity, &caller)
        .await
        .unwrap_or_else(|error| {
            tracing::warn!("that a session has moved could not be noted: {}", error.chain());
            true
        });
    Ok(Signed {
        ctx: Ctx { moved, ..ctx },
        cookie: caller.cookie,
        confined: caller.confined,
        password_due: caller.password_due,
    })
}

async fn by_key(state: &AppState, key: &Secret<String>, arrival: &Arrival) -> Result<Signed, Problem> {
    let found = api_key::authenticate(&state.identity, key.expose(), arrival.origin.ip).await?;
    let ctx = found.ctx(arrival.request_id.clone(), arrival.origin.clone());
    state.key_uses.note(&state.identity, &ctx);
    Ok(Signed {
        ctx,
        cookie: None,
        confined: false,
        password_due: false,
    })
}

async fn by_token(
    state: &AppState,
    bearer: &Secret<String>,
) -> Result<vutf_identity::session::Caller, Problem> {
    let mut found = authenticate(&state.identity, bearer.expose()).await;
    // Another replica may have rotated the key. Anybody can name an unknown one: the reloader bounds how often it looks.
    if let Err(AuthenticateError::Token(TokenError::UnknownKey)) = found
        && state.reloader.reload().await
    {
        found = authenticate(&state.identity, bearer.expose()).await;
    }
    Ok(found?)
}

/// What a request shows of who sends it.
enum Credential {
    /// The access token of a session.
    Token(Secret<String>),
    /// What claims to be an API key.
    Key(Secret<String>),
}

/// Either header, once. Of two credentials nobody knows which one somebody else looked at.
fn credential(request: &HttpRequest) -> Result<Credential, Problem> {
    let mut keys = request.headers().get_all(API_KEY);
    let Some(key) = keys.next() else {
        let bearer = bearer(request)?;
        return Ok(if Token::is_meant(bearer.expose()) {
            Credential::Key(bearer)
        } else {
            Credential::Token(bearer)
        });
    };
    if keys.next().is_some() || request.headers().contains_key(header::AUTHORIZATION) {
        return Err(Problem::new(Class::Unauthenticated, "several_credentials"));
    }
    // What is not even text is no key: refused as one, below.
    let text = key.to_str().unwrap_or_default();
    Ok(Credential::Key(Secret::new(text.trim().to_owned())))
}

/// RFC 6750, section 2.1. Tokens in a query or a form are not taken.
fn bearer(request: &HttpRequest) -> Result<Secret<String>, Problem> {
    let missing = || Problem::new(Class::Unauthenticated, "unauthenticated");
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(missing());
    };
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    Ok(Secret::new(token.trim().to_owned()))
}

/// A panic ends its own request and nothing else; so does a handler that takes too long.
async fn run(
    state: &AppState,
    endpoint: &Endpoint,
    request: ServiceRequest,
    next: Next<BoxBody>,
    http: HttpRequest,
) -> ServiceResponse {
    let work = AssertUnwindSafe(next.call(request)).catch_unwind();
    match tokio::time::timeout(state.config.server.request_timeout, work).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(error))) => ServiceResponse::new(http, HttpResponse::from_error(error)),
        Ok(Err(_panic)) => {
            tracing::error!(error.kind = "panic", route = endpoint.path, "a handler panicked");
            refused(http, Problem::new(Class::Internal, "internal"))
        }
        Err(_elapsed) => {
            tracing::warn!(route = endpoint.path, "a handler took too long");
            refused(
                http,
                Problem::with_status(StatusCode::SERVICE_UNAVAILABLE, "timeout"),
            )
        }
    }
}

pub(super) fn refused(request: HttpRequest, problem: Problem) -> ServiceResponse {
    ServiceResponse::new(request, HttpResponse::from_error(problem))
}
