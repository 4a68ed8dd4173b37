//! HTTP: routes, guard, problem documents. Nothing here decides a business rule.
//!
//! Invariants:
//! - a route exists only in [`table::ROUTES`], with its access, its rate limit and its name in the audit log;
//! - no handler runs past [`guard`]; the only context a handler can get is the one that the guard made;
//! - every 4xx and 5xx is a problem document, except the probes' own "not ready";
//! - the cause of a failure is logged and never sent; no log line holds an address, a query or a name.

mod audit;
mod cookies;
mod csrf;
mod edge;
mod fallback;
mod guard;
pub mod health;
mod key_uses;
mod listener;
pub mod problem;
mod rate;
mod reference;
pub mod request;
pub mod route;
mod site;
pub mod state;
pub mod table;
mod throttled;
mod unparsed;
mod uses;
mod v1;

use std::sync::Arc;

use actix_web::{
    middleware::{Compress, from_fn},
    web,
};

pub use self::{
    health::{Health, Phase, Probe, ProbeStatus},
    key_uses::KeyUses,
    listener::{Bounds, listen},
    state::{AnalysisPorts, AppState, ErasurePorts, JobPorts, RetentionPorts},
    throttled::Throttled,
    uses::Uses,
};

/// The public listener: `App::new().configure(http::configure(state))`.
pub fn configure(state: Arc<AppState>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let scope = web::scope("")
            .app_data(web::Data::from(state))
            .configure(table::register)
            .default_service(web::to(fallback::not_found))
            .wrap(from_fn(edge::problems))
            .wrap(Compress::default())
            .wrap(from_fn(edge::edge));
        config.service(scope);
    }
}

/// The listener for operators: metrics and health with every detail. Bind it to a loopback or private address.
pub fn management(state: Arc<AppState>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let scope = web::scope("")
            .app_data(web::Data::from(state))
            .configure(site::management::register)
            .default_service(web::to(fallback::not_found))
            .wrap(from_fn(edge::edge));
        config.service(scope);
    }
}
