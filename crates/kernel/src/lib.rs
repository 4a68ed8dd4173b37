#![doc = include_str!("../README.md")]

pub mod ambient;
pub mod authority;
pub mod breaker;
pub mod cache;
pub mod clock;
pub mod ctx;
pub mod entropy;
pub mod error;
pub mod event;
pub mod id;
pub mod lease;
pub mod look;
pub mod mail;
#[cfg(feature = "memory")]
pub mod memory;
pub mod page;
pub mod receipt;
pub mod secret;
pub mod stamps;
pub mod transaction;

pub use ambient::{Ambient, Env};
pub use authority::{Authorizer, Bounds, Decision, Denial};
pub use breaker::{Breaker, BreakerOptions, BreakerState};
pub use cache::{Cache, RateDecision, RateLimit};
pub use clock::{Clock, SystemClock, Timestamp};
pub use ctx::{Aal, Actor, Assurance, Ctx, Grants, Origin, Permission, RequestId};
pub use entropy::{Entropy, OsEntropy};
pub use error::{Class, Fault, PortError};
pub use event::{Action, Detail, Event, EventRecorder, EventSink, Outcome, Resource};
pub use id::{
    ApiKeyId, ApprovalId, EventId, FactorId, FamilyId, FindingId, HoldId, InvitationId, JobId, KeyId, LinkId,
    MailId, OrganizationId, PastPasswordId, PolicyId, PruneRunId, RoleId, SessionId, UserId,
};
pub use lease::{Lease, Leases};
pub use look::Question;
pub use mail::{Mail, MailError, Mailer};
#[cfg(feature = "memory")]
pub use memory::MemoryCache;
pub use page::{Page, PageRequest};
pub use receipt::{Receipt, Receipts};
pub use secret::Secret;
pub use stamps::Stamps;
pub use transaction::{BoxFuture, Transaction, Units, UseCaseError, transact};
