//! The HTTP layer over in-memory ports: everything between the socket and the use cases.

mod access;
mod api_keys;
mod cookies;
mod enrolment;
mod flow;
mod limits;
mod mfa;
mod neighbour;
mod passkeys;
mod passwords;
mod people;
mod policies;
mod probes;
mod protocol;
mod recorded;
mod role_matrix;
mod unparsed;
pub(crate) mod world;
