//! Who has not been there for long, what persons agreed to, and who asked to be erased.

mod consents;
mod erasure_requests;
mod presence;

pub(crate) use self::presence::last_there;
