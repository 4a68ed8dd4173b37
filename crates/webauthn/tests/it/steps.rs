//! Each step of §7.1 and §7.2 refuses what it is there to refuse.

use ciborium::Value;
use vutf_identity::passkey::{Ceremonies as _, CeremonyError as E};
use vutf_webauthn::WebAuthn;

use crate::maker::{CHALLENGE, Key, Maker, cbor, expected, policy};

fn register(maker: &Maker, verified: bool) -> Result<u32, E> {
    let policy = policy();
    let done = WebAuthn.register(&expected(&policy, verified), &maker.registration());
    done.map(|attested| {
        assert_eq!(attested.public_key, maker.public_key());
        attested.sign_count
    })
}

fn assert(maker: &Maker, verified: bool) -> Result<u32, E> {
    let policy = policy();
    let done = WebAuthn.assert(
        &expected(&policy, verified),
        &maker.public_key(),
        &maker.assertion(),
    );
    done.map(|asserted| asserted.sign_count)
}

#[test]
fn keys_of_each_algorithm_register_and_sign() {
    for key in [Key::es256, Key::eddsa, Key::rs256] {
        let maker = Maker::new(key());
        assert_eq!(register(&maker, true), Ok(3));
        let maker = Maker {
            count: 4,
            ..Maker::signing(maker.key)
        };
        assert_eq!(assert(&maker, true), Ok(4));
        let client_data = &maker.assertion().client_data;
        assert_eq!(WebAuthn.challenge(client_data), Some(CHALLENGE));
    }
}

/// Something that is made wrong, and how it is refused.
type Edit = (fn(&mut Maker), E);

/// Edits that both ceremonies refuse alike.
fn edits() -> Vec<Edit> {
    vec![
        (|m| m.client_data["type"] = "payment.get".into(), E::WRONG_TYPE),
        (|m| m.client_data["challenge"] = "AAAA".into(), E::WRONG_CHALLENGE),
        (
            |m| m.client_data["challenge"] = format!("{}A", "A".repeat(42)).into(),
            E::WRONG_CHALLENGE,
        ),
        (|m| m.client_data["challenge"] = 7.into(), E::MALFORMED),
        (
            |m| m.client_data["origin"] = "https://example.org".into(),
            E::WRONG_ORIGIN,
        ),
        (
            |m| m.client_data["origin"] = "https://app.example.org.evil.example".into(),
            E::WRONG_ORIGIN,
        ),
        (|m| m.client_data["crossOrigin"] = true.into(), E::WRONG_ORIGIN),
        (
            |m| m.client_data["topOrigin"] = "https://other.example".into(),
            E::WRONG_ORIGIN,
        ),
        (|m| m.rp_id = "evil.example", E::WRONG_RP_ID),
        (|m| m.flags = 0b0000_0100, E::USER_ABSENT),
        (|m| m.flags = 0b0000_0001, E::USER_NOT_VERIFIED),
        (|m| m.flags = 0b0001_0101, E::WRONG_BACKUP),
        (|m| m.rest = vec![0], E::MALFORMED),
        (|m| m.flags |= 1 << 7, E::MALFORMED),
    ]
}

#[test]
fn a_registration_is_bound_to_challenge_page_site_and_person() {
    for (place, (edit, error)) in edits().into_iter().enumerate() {
        let mut maker = Maker::new(Key::es256());
        edit(&mut maker);
        assert_eq!(register(&maker, true), Err(error), "edit {place}");
    }
    let assertion = Maker::signing(Key::es256());
    assert_eq!(register(&assertion, true), Err(E::WRONG_TYPE));
}

#[test]
fn an_assertion_is_bound_to_challenge_page_site_and_person() {
    for (place, (edit, error)) in edits().into_iter().enumerate() {
        let mut maker = Maker::signing(Key::es256());
        edit(&mut maker);
        assert_eq!(assert(&maker, true), Err(error), "edit {place}");
    }
    let registration = Maker::new(Key::es256());
    assert_eq!(assert(&registration, true), Err(E::WRONG_TYPE));
}

#[test]
fn somebody_there_is_enough_where_no_more_is_asked() {
    let mut maker = Maker::new(Key::eddsa());
    maker.flags = 1;
    assert_eq!(register(&maker, false), Ok(3));
    let mut maker = Maker::signing(Key::eddsa());
    maker.flags = 1;
    assert_eq!(assert(&maker, false), Ok(3));
}

#[test]
fn a_signature_is_of_the_key_and_of_these_bytes() {
    for key in [Key::es256, Key::eddsa, Key::rs256] {
        let policy = policy();
        let expected = expected(&policy, true);
        let maker = Maker::signing(key());
        let (own, other) = (maker.public_key(), Maker::signing(key()).public_key());
        let check = |edit: fn(&mut vutf_identity::passkey::Assertion), key: &[u8]| {
            let mut answer = maker.assertion();
            edit(&mut answer);
            WebAuthn.assert(&expected, key, &answer).map(|_| ())
        };
        assert_eq!(check(|_| {}, &own), Ok(()));
        assert_eq!(check(|_| {}, &other), Err(E::WRONG_SIGNATURE));
        assert_eq!(check(|a| a.signature[9] ^= 1, &own), Err(E::WRONG_SIGNATURE));
        assert_eq!(check(|a| a.signature.clear(), &own), Err(E::WRONG_SIGNATURE));
        // The counter, and a space in the browser's words.
        assert_eq!(
            check(|a| a.authenticator_data[36] ^= 1, &own),
            Err(E::WRONG_SIGNATURE)
        );
        assert_eq!(check(|a| a.client_data.push(b' '), &own), Err(E::WRONG_SIGNATURE));
    }
}

#[test]
fn extensions_are_skipped() {
    let mut maker = Maker::new(Key::es256());
    maker.flags |= 1 << 7;
    maker.rest = cbor(&Value::Map(vec![("credProtect".into(), 2.into())]));
    assert_eq!(register(&maker, true), Ok(3));
    maker.rest = cbor(&Value::Array(Vec::new()));
    assert_eq!(register(&maker, true), Err(E::MALFORMED));
}

#[test]
fn only_keys_that_were_offered_are_taken() {
    let with = |label: i64, value: Option<Value>| {
        let mut maker = Maker::new(Key::es256());
        maker.cose.retain(|(known, _)| *known != label);
        maker.cose.extend(value.map(|value| (label, value)));
        register(&maker, true)
    };
    let refused = Err(E::WRONG_KEY);
    for (label, value) in [
        (1, None),
        (3, None),
        (-2, None),
        (3, Some((-36).into())),
        (3, Some((-8).into())),
        (-1, Some(2.into())),
        (-2, Some(Value::Bytes(vec![0; 31]))),
        // Not on the curve.
        (-2, Some(Value::Bytes(vec![0xFF; 32]))),
        (-2, Some(Value::Text("x".to_owned()))),
    ] {
        assert_eq!(with(label, value.clone()), refused, "{label} {value:?}");
    }
    let mut twice = Maker::new(Key::es256());
    twice.cose.push((3, (-7).into()));
    assert_eq!(register(&twice, true), refused);
    for n in [255, 513] {
        let mut rsa = Maker::new(Key::es256());
        rsa.cose = vec![
            (1, 3.into()),
            (3, (-257).into()),
            (-1, Value::Bytes(vec![0xC5; n])),
            (-2, Value::Bytes(vec![1, 0, 1])),
        ];
        assert_eq!(register(&rsa, true), refused, "{n}");
    }
}

#[test]
fn no_attestation_is_believed_but_the_keys_own() {
    assert_eq!(register(&Maker::new(Key::es256()).self_attested(-7), true), Ok(3));
    assert_eq!(register(&Maker::new(Key::eddsa()).self_attested(-8), true), Ok(3));
    let refused = Err(E::WRONG_ATTESTATION);
    assert_eq!(
        register(&Maker::new(Key::es256()).self_attested(-8), true),
        refused
    );
    let mut certified = Maker::new(Key::es256()).self_attested(-7);
    certified.statement.push(("x5c".into(), Value::Array(Vec::new())));
    assert_eq!(register(&certified, true), refused);
    let mut other = Maker::new(Key::es256());
    other.format = "fido-u2f";
    assert_eq!(register(&other, true), refused);
    let mut talkative = Maker::new(Key::es256());
    talkative.statement = vec![("sig".into(), Value::Bytes(Vec::new()))];
    assert_eq!(register(&talkative, true), refused);
    let mut forged = Maker::new(Key::es256()).self_attested(-7);
    forged.count += 1;
    assert_eq!(register(&forged, true), Err(E::WRONG_SIGNATURE));
}

#[test]
fn the_id_beside_the_answer_is_the_one_within() {
    let policy = policy();
    let maker = Maker::new(Key::es256());
    let mut answer = maker.registration();
    answer.credential_id[0] ^= 1;
    let done = WebAuthn.register(&expected(&policy, true), &answer);
    assert_eq!(done.unwrap_err(), E::MALFORMED);
}
