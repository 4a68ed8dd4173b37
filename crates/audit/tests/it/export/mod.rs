//! What leaves the log.

mod actions;
mod encodings;
mod follow;
mod positions;
mod range;
mod schemas;

use std::fmt::Write as _;

use uuid::Uuid;
use vutf_audit::{
    Body, GENESIS, chain_after,
    export::{Exported, Source},
    leaf_hash,
};
use vutf_kernel::{Actor, Detail, EventId, OrganizationId, Outcome, Resource};

use crate::world::{T0, user};

pub(crate) fn source() -> Source {
    Source {
        version: "0.1.0".into(),
        host: "one.example".into(),
    }
}

/// An event of `action`, as the first entry of a log.
pub(crate) fn body(action: &str) -> Body {
    Body {
        id: EventId::from_uuid(Uuid::from_u128(0x0193_7b6e_5b5c_7d3e_8f00_0000_0000_0007)),
        occurred_at: T0,
        organization_id: OrganizationId::DEFAULT,
        request_id: "r-1".into(),
        actor: Actor::Operator,
        action: action.into(),
        resource: Resource::one("user", Uuid::from_u128(5)),
        outcome: Outcome::Success,
        subjects: vec![user(5)],
        details: [("n".to_owned(), Detail::Number(1))].into(),
        private: [("source_ip".to_owned(), [7; 32])].into(),
    }
}

pub(crate) fn exported(body: Body) -> Exported {
    let bytes = body.to_bytes();
    let leaf_hash = leaf_hash(&bytes);
    Exported {
        seq: 41,
        previous: GENESIS,
        leaf_hash,
        chain: chain_after(&GENESIS, &leaf_hash),
        body,
        text: Some(String::from_utf8(bytes).unwrap()),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
