//! Mail that waits to be sent, and the one-use links in it.

mod links;
mod outbox;
mod reader;
