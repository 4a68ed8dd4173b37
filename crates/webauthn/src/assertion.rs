//! Verifying an assertion: WebAuthn Level 2, §7.2. The steps before the eighth, which find the credential and whose it is, are
//! the domain's, and so is the 21st, which compares the counter.

use sha2::{Digest as _, Sha256};
use vutf_identity::passkey::{Asserted, Assertion, CeremonyError, Expected};

use crate::{
    authenticator_data::AuthenticatorData,
    client_data::{ClientData, Kind},
    cose::PublicKey,
};

pub(crate) fn check(
    expected: &Expected<'_>,
    public_key: &[u8],
    answer: &Assertion,
) -> Result<Asserted, CeremonyError> {
    // 8 to 10: what the browser says; 11 to 13: type, challenge, origin. 14: see the registration.
    ClientData::parse(&answer.client_data)?.check(Kind::Get, expected)?;
    // 15 to 17: for this site, with the person there, and verified where that is demanded.
    let data = AuthenticatorData::parse(&answer.authenticator_data)?;
    data.check(expected)?;
    // 18: no extension was asked for.
    // 19, 20: the signature.
    let client_data_hash = Sha256::digest(&answer.client_data);
    let (_, key) = PublicKey::parse(public_key)?;
    let signed = [answer.authenticator_data.as_slice(), &client_data_hash].concat();
    key.verify(&signed, &answer.signature)?;
    Ok(Asserted {
        sign_count: data.sign_count,
        user_verified: data.user_verified(),
        backup: data.backup()?,
    })
}
