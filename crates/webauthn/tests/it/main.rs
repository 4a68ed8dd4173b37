//! The checks of WebAuthn, step by step.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod maker;
mod steps;
mod unparsed;
mod vectors;
