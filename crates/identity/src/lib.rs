#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod action;
pub mod api_key;
pub mod bootstrap;
pub mod break_glass;
pub mod consent;
pub mod device;
pub mod erasure_request;
pub mod guard;
pub mod housekeeping;
pub mod invitation;
pub mod link;
pub mod mail;
#[cfg(feature = "memory")]
pub mod memory;
pub mod mfa;
pub mod network;
pub mod passkey;
pub mod password;
pub mod policy;
pub mod presence;
pub mod refresh;
mod refusal;
pub mod repo;
pub mod role;
pub mod service;
pub mod session;
pub mod tenant_cache;
pub mod token;
pub mod user;
pub mod value;
mod work;

pub use refusal::{IdentityTaken, RuleError, VersionError, records_refusal};
pub use repo::{IdentityRead, IdentityStore, IdentityTx, IdentityUnit};
pub use service::{AuthorizationPolicy, Identity, Settings};
pub use session::{Session, SessionStatus};
pub use user::{User, UserKind, UserStatus};
pub use value::{Change, DisplayName, Email, LoginName, Phone, Username, ValueError};
