//! The table of routes. What is not here does not exist.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, guard, middleware::from_fn, web};

use super::{
    fallback,
    guard::guard as admit,
    route::{Method, Route},
    site, v1,
};

macro_rules! routes {
    ($($($part:ident)::+),+ $(,)?) => {
        &[$(Route {
            endpoint: $($part)::+::ENDPOINT,
            handler: || web::to($($part)::+::handle),
        }),+]
    };
}

/// Every route of the public listener.
pub static ROUTES: &[Route] = routes![
    v1::bootstrap,
    v1::auth::register,
    v1::auth::login,
    v1::auth::mfa::verify,
    v1::auth::passkey::begin,
    v1::auth::passkey::finish,
    v1::auth::refresh,
    v1::auth::logout,
    v1::auth::session::open,
    v1::auth::session::close,
    v1::auth::csrf,
    v1::auth::password::change,
    v1::auth::password::strength,
    v1::auth::password::forgot,
    v1::auth::password::reset,
    v1::auth::email::verify,
    v1::auth::email::resend,
    v1::auth::email::confirm,
    v1::auth::email::object,
    v1::auth::unlock,
    v1::auth::step_up,
    v1::auth::step_up_begin,
    v1::auth::break_glass,
    v1::me::view,
    v1::me::update,
    v1::me::email,
    v1::me::audit,
    v1::me::export,
    v1::me::erasure::ask,
    v1::me::erasure::view,
    v1::me::erasure::cancel,
    v1::erasure_certificate,
    v1::system_use,
    v1::me::sessions::list,
    v1::me::sessions::revoke,
    v1::me::sessions::revoke_others,
    v1::me::mfa::view,
    v1::me::mfa::totp::enrol,
    v1::me::mfa::totp::confirm,
    v1::me::mfa::totp::remove,
    v1::me::mfa::backup_codes,
    v1::me::mfa::passkeys::list,
    v1::me::mfa::passkeys::register::begin,
    v1::me::mfa::passkeys::register::finish,
    v1::me::mfa::passkeys::rename,
    v1::me::mfa::passkeys::remove,
    v1::me::api_keys::list,
    v1::me::api_keys::create,
    v1::me::api_keys::view,
    v1::me::api_keys::revoke,
    v1::me::api_keys::rotate,
    v1::api_keys::list,
    v1::api_keys::create,
    v1::api_keys::view,
    v1::api_keys::revoke,
    v1::api_keys::rotate,
    v1::service_accounts::list,
    v1::service_accounts::create,
    v1::invitations::list,
    v1::invitations::create,
    v1::invitations::revoke,
    v1::users::list,
    v1::users::create,
    v1::users::batch,
    v1::users::view,
    v1::users::update,
    v1::users::delete,
    v1::users::lock,
    v1::users::unlock,
    v1::users::disable,
    v1::users::enable,
    v1::users::restore,
    v1::users::erase,
    v1::users::erasure,
    v1::users::revoke_sessions,
    v1::users::reset_mfa,
    v1::users::require_password_change,
    v1::users::roles,
    v1::authorisation::roles,
    v1::authorisation::create_role,
    v1::authorisation::view_role,
    v1::authorisation::update_role,
    v1::authorisation::delete_role,
    v1::authorisation::permissions,
    v1::policies::list,
    v1::policies::validate,
    v1::policies::view,
    v1::policies::put,
    v1::policies::delete,
    v1::authz::explain,
    v1::approvals::list,
    v1::approvals::approve,
    v1::approvals::reject,
    v1::keys::list,
    v1::keys::create,
    v1::keys::view,
    v1::keys::rotate,
    v1::keys::activate,
    v1::keys::suspend,
    v1::keys::deactivate,
    v1::keys::compromise,
    v1::keys::destroy,
    v1::keys::inventory,
    v1::keys::policies::view,
    v1::keys::policies::update,
    v1::keys::requests::list,
    v1::keys::requests::approve,
    v1::keys::requests::reject,
    v1::keys::jobs::list,
    v1::keys::jobs::start,
    v1::keys::jobs::view,
    v1::keys::jobs::pause,
    v1::keys::jobs::resume,
    v1::keys::jobs::cancel,
    v1::crypto::encrypt,
    v1::crypto::decrypt,
    v1::crypto::rewrap,
    v1::crypto::hmac,
    v1::crypto::sign,
    v1::crypto::verify,
    v1::crypto::public_keys,
    v1::audit::events,
    v1::audit::event,
    v1::audit::timeline::subject,
    v1::audit::timeline::actor,
    v1::audit::status,
    v1::audit::retention::view,
    v1::audit::retention::runs::list,
    v1::audit::retention::runs::start,
    v1::audit::holds::list,
    v1::audit::holds::place,
    v1::audit::holds::release,
    v1::audit::proof,
    v1::audit::log::checkpoint,
    v1::audit::log::consistency,
    v1::audit::log::keys,
    v1::audit::log::tile,
    v1::audit::exports,
    v1::audit::findings::list,
    v1::audit::findings::view,
    v1::audit::findings::acknowledge,
    v1::audit::findings::resolve,
    v1::audit::rules::list,
    v1::audit::rules::view,
    v1::audit::rules::update,
    v1::audit::rules::silence,
    v1::audit::rules::unsilence,
    site::health::api,
    site::health::api_ready,
    site::health::api_live,
    site::health::live,
    site::health::ready,
    site::health::startup,
    site::openapi,
    site::docs,
    site::paseto_keys,
];

/// Registers them, each behind its guard. A path that is known under other methods answers 405 with `Allow`.
pub fn register(config: &mut web::ServiceConfig) {
    let mut by_path: BTreeMap<&'static str, Vec<&'static Route>> = BTreeMap::new();
    for route in ROUTES {
        by_path.entry(route.endpoint.path).or_default().push(route);
    }
    for (path, routes) in by_path {
        let allow = allowed(&routes);
        let mut resource = web::resource(path);
        for route in routes {
            let endpoint = &route.endpoint;
            let guarded = (route.handler)().guard(method_guard(endpoint.method));
            resource =
                resource.route(guarded.wrap(from_fn(move |request, next| admit(endpoint, request, next))));
        }
        let refuse = move |request: HttpRequest| fallback::method_not_allowed(request, allow.clone());
        config.service(resource.default_service(web::to(refuse)));
    }
}

fn method_guard(method: Method) -> guard::AnyGuard {
    match method {
        Method::Get => guard::Any(guard::Get()).or(guard::Head()),
        Method::Post => guard::Any(guard::Post()),
        Method::Put => guard::Any(guard::Put()),
        Method::Patch => guard::Any(guard::Patch()),
        Method::Delete => guard::Any(guard::Delete()),
    }
}

fn allowed(routes: &[&Route]) -> String {
    let mut methods: Vec<_> = routes
        .iter()
        .map(|route| route.endpoint.method.as_str())
        .collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.join(", ")
}
