//! Who is calling, as the guard found out.

use std::{
    future::{Ready, ready},
    ops::Deref,
    rc::Rc,
};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload};
use vutf_identity::{refresh::TokenHash, session::SessionKind};
use vutf_kernel::{Ctx, UserId};

use crate::http::problem::Problem;

/// The context that the guard made for this request: the only way for a handler to one.
#[derive(Clone, Debug)]
pub struct Caller {
    ctx: Rc<Ctx>,
    cookie: Option<TokenHash>,
}

impl Caller {
    pub(in crate::http) fn new(ctx: Ctx, cookie: Option<TokenHash>) -> Self {
        Self {
            ctx: Rc::new(ctx),
            cookie,
        }
    }
    /// By what the request was signed in, if it was.
    pub fn kind(&self) -> SessionKind {
        match self.cookie {
            Some(_) => SessionKind::Cookie,
            None => SessionKind::Token,
        }
    }
    /// The hash of the cookie's secret that signed the request in.
    pub(in crate::http) fn cookie(&self) -> Option<&TokenHash> {
        self.cookie.as_ref()
    }
    /// The signed-in user. On a route that asks for a session there always is one.
    pub fn user(&self) -> Result<UserId, Problem> {
        self.ctx
            .actor
            .user_id()
            .ok_or_else(|| Problem::new(vutf_kernel::Class::Unauthenticated, "unauthenticated"))
    }
}

impl Deref for Caller {
    type Target = Ctx;
    fn deref(&self) -> &Ctx {
        &self.ctx
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.extensions().get::<Self>().cloned();
        ready(found.ok_or_else(|| Problem::internal("a handler ran without the guard")))
    }
}
