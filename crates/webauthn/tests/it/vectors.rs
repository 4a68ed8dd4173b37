//! Examples that we did not make: see `tests/data/README.md`.

use serde_json::Value;
use vutf_identity::passkey::{
    Assertion, Attested, Ceremonies as _, CeremonyError, Challenge, CredentialId, Expected, PasskeyPolicy,
    Registration,
};
use vutf_webauthn::WebAuthn;

const EXAMPLES: &str = include_str!("../data/webauthn-3.json");

fn bytes(part: &Value) -> Vec<u8> {
    let text = part.as_str().unwrap().as_bytes();
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap();
    let byte = |pair: &[u8]| u8::try_from(digit(pair[0]) << 4 | digit(pair[1])).unwrap();
    text.chunks(2).map(byte).collect()
}

fn examples() -> Value {
    serde_json::from_str(EXAMPLES).unwrap()
}

fn policy() -> PasskeyPolicy {
    PasskeyPolicy {
        rp_id: "example.org".to_owned(),
        origins: vec!["https://example.org".to_owned()],
        ..PasskeyPolicy::default()
    }
}

fn expected<'a>(policy: &'a PasskeyPolicy, part: &Value) -> Expected<'a> {
    Expected {
        policy,
        challenge: Challenge(bytes(&part["challenge"]).try_into().unwrap()),
        user_verification: false,
    }
}

fn register(example: &Value) -> Result<Attested, CeremonyError> {
    let (part, policy) = (&example["registration"], policy());
    let answer = Registration {
        credential_id: bytes(&part["credentialId"]),
        client_data: bytes(&part["clientDataJSON"]),
        attestation_object: bytes(&part["attestationObject"]),
        transports: Vec::new(),
    };
    WebAuthn.register(&expected(&policy, part), &answer)
}

#[test]
fn examples_of_the_standard_register_and_sign_in() {
    let examples = examples();
    for (name, eligible) in [("none.ES256", true), ("packed-self.ES256", true)] {
        let example = &examples[name];
        let attested = register(example).unwrap();
        assert_eq!((attested.backup.eligible, attested.sign_count), (eligible, 0));
        let (part, policy) = (&example["assertion"], policy());
        let mut answer = Assertion {
            credential_id: CredentialId::new(bytes(&example["registration"]["credentialId"])).unwrap(),
            client_data: bytes(&part["clientDataJSON"]),
            authenticator_data: bytes(&part["authenticatorData"]),
            signature: bytes(&part["signature"]),
            user_handle: None,
        };
        let expected = expected(&policy, part);
        assert_eq!(
            WebAuthn.challenge(&answer.client_data),
            Some(expected.challenge),
            "{name}"
        );
        let key = &attested.public_key;
        WebAuthn.assert(&expected, key, &answer).unwrap();
        let last = answer.signature.len() - 1;
        answer.signature[last] ^= 1;
        let refused = WebAuthn.assert(&expected, key, &answer).unwrap_err();
        assert_eq!(refused, CeremonyError::WRONG_SIGNATURE);
    }
}

#[test]
fn a_page_within_a_page_of_another_site_is_refused() {
    let refused = register(&examples()["none.ES256.crossOrigin"]).unwrap_err();
    assert_eq!(refused, CeremonyError::WRONG_ORIGIN);
}
