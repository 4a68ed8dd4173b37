//! Registering a new credential: WebAuthn Level 2, §7.1. The steps before the fifth are the browser's; those from the 22nd on,
//! which ask whose the credential is, are the domain's.

use sha2::{Digest as _, Sha256};
use vutf_identity::passkey::{Attested, CeremonyError, Expected, Registration};

use crate::{
    attestation::AttestationObject,
    authenticator_data::AuthenticatorData,
    client_data::{ClientData, Kind},
    cose::PublicKey,
};

pub(crate) fn check(expected: &Expected<'_>, answer: &Registration) -> Result<Attested, CeremonyError> {
    // 5, 6: what the browser says; 7 to 9: type, challenge, origin.
    ClientData::parse(&answer.client_data)?.check(Kind::Create, expected)?;
    // 10: token binding was never implemented, and is gone from Level 3.
    // 11, 12: what the authenticator says.
    let client_data_hash = Sha256::digest(&answer.client_data);
    let object = AttestationObject::parse(&answer.attestation_object)?;
    let data = AuthenticatorData::parse(&object.authenticator_data)?;
    // 13 to 15: for this site, with the person there, and verified where that is demanded.
    data.check(expected)?;
    let credential = data.credential.as_ref().ok_or(CeremonyError::MALFORMED)?;
    // 16: one of the algorithms that were offered.
    let (algorithm, key) = PublicKey::parse(credential.public_key)?;
    // 17: no extension was asked for.
    // 18 to 21: attestation.
    object.check(algorithm, &key, &client_data_hash)?;
    if credential.id != answer.credential_id {
        return Err(CeremonyError::MALFORMED);
    }
    Ok(Attested {
        public_key: credential.public_key.to_vec(),
        sign_count: data.sign_count,
        user_verified: data.user_verified(),
        backup: data.backup()?,
    })
}
