//! Mail that waits to be sent, the one-use links in it, and invitations.

mod invitations;
mod links;
mod outbox;
mod reader;
