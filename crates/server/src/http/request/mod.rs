//! What a handler takes from a request: bodies, queries, paths, preconditions, the caller. Every refusal is a problem.

mod arrival;
mod body;
mod caller;
mod cursor;
mod etag;
mod limits;
mod path;
mod query;

pub use self::{
    arrival::Arrival,
    body::{Json, Member, Typed},
    caller::Caller,
    cursor::{KEY as CURSOR_KEY, List, Paging},
    etag::{IfMatch, etag},
    limits::{JsonLimits, LimitError, check},
    path::{Id, OfPurpose, OfRole, OfRule, TilePath},
    query::Query,
};
