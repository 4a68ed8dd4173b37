//! Mail to persons. What is to be said is queued in the transaction of what it is about, and sent after it: at least once, with
//! growing pauses, and never once its link is over.
//!
//! Two kinds of things wait in the queue. A *letter* knows its receiver. A *request* holds only what somebody typed or did: whether
//! there is such an account is looked up when the queue is worked on, so that the answer to a stranger takes the same time whether
//! there is one or not.

pub mod compose;
pub mod deliver;
mod kind;
mod post;
mod queue;
mod requested;
mod settings;

pub(crate) use self::post::{notify, post, post_invitation, request};
pub use self::{
    kind::MailKind,
    post::MailOff,
    queue::{Content, Letter, MailReader, MailRepo},
    settings::MailSettings,
};
