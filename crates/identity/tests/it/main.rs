//! The use cases over the in-memory twins.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failure here is a failed test"
)]

mod accounts;
mod api_keys;
mod bootstrap;
mod break_glass;
mod cookies;
mod custom_roles;
mod devices;
mod enrolment;
mod foreign;
mod housekeeping;
mod lifetimes;
mod login;
mod mfa;
mod passkeys;
mod password_rules;
mod passwords;
mod people;
mod policies;
mod programs;
mod recovery;
mod redaction;
mod refresh;
mod refusals;
mod roles;
mod seams;
mod sessions;
mod support;
