//! One contract suite a port, run against every adapter alike.

pub mod analysis;
pub mod audit;
pub mod cache;
pub mod cosignatures;
pub mod exports;
pub mod identity;
pub mod jobs;
pub mod keys;
mod keys_lifecycle;
mod unit;

pub use unit::Store;

use sea_orm::prelude::Uuid;
use vutf_kernel::OrganizationId;

/// A second tenant. A store under test must know it, and have its keys, before a suite is run.
pub const NEIGHBOUR: OrganizationId =
    OrganizationId::from_uuid(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0002));

/// A name that no other test uses: the suites share servers.
pub fn unique(name: &str) -> String {
    format!("{name}-{}", crate::random::hex::<8>())
}
