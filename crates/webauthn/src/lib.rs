#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod assertion;
mod attestation;
mod authenticator_data;
mod client_data;
mod cose;
mod registration;

use vutf_identity::passkey::{
    Asserted, Assertion, Attested, Ceremonies, CeremonyError, Challenge, Expected, Registration,
};

/// The checks of WebAuthn. It has no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct WebAuthn;

impl Ceremonies for WebAuthn {
    fn challenge(&self, client_data: &[u8]) -> Option<Challenge> {
        client_data::ClientData::parse(client_data).ok()?.challenge()
    }
    fn register(&self, expected: &Expected<'_>, answer: &Registration) -> Result<Attested, CeremonyError> {
        registration::check(expected, answer)
    }
    fn assert(
        &self,
        expected: &Expected<'_>,
        public_key: &[u8],
        answer: &Assertion,
    ) -> Result<Asserted, CeremonyError> {
        assertion::check(expected, public_key, answer)
    }
}
