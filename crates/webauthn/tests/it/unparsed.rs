//! No bytes panic, and none but the right ones get through.

use ciborium::Value;
use proptest::prelude::*;
use vutf_identity::passkey::{Ceremonies as _, Registration};
use vutf_webauthn::WebAuthn;

use crate::maker::{Key, Maker, cbor, expected, policy};

/// Bytes, some of which look like CBOR.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let heads = prop::sample::select(vec![
        vec![0xA3, 0x63, b'f', b'm', b't', 0x64, b'n', b'o', b'n', b'e'],
        vec![0xBF; 40],
        vec![0x9F; 40],
        vec![0x81; 400],
        vec![0x5B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        vec![0xBB, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        Vec::new(),
    ]);
    (heads, prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(head, tail)| [head, tail].concat())
}

fn register(answer: &Registration) -> bool {
    let policy = policy();
    WebAuthn.register(&expected(&policy, false), answer).is_ok()
}

proptest! {
    #[test]
    fn nothing_that_is_sent_panics(client_data in noise(), object in noise(), id in noise()) {
        let _ = WebAuthn.challenge(&client_data);
        let answer = Registration { credential_id: id.clone(), client_data, attestation_object: object.clone(), transports: Vec::new() };
        prop_assert!(!register(&answer));
        // Behind the browser's words, which are right.
        let mut answer = Maker::new(Key::eddsa()).registration();
        answer.attestation_object = object;
        prop_assert!(!register(&answer));
        // Behind a right frame.
        let frame = Value::Map(vec![
            ("fmt".into(), "none".into()),
            ("attStmt".into(), Value::Map(Vec::new())),
            ("authData".into(), Value::Bytes(id)),
        ]);
        answer.attestation_object = cbor(&frame);
        prop_assert!(!register(&answer));
    }

    #[test]
    fn no_key_that_was_kept_panics(key in noise(), data in noise(), signature in noise()) {
        let policy = policy();
        let mut answer = Maker::signing(Key::eddsa()).assertion();
        prop_assert!(WebAuthn.assert(&expected(&policy, false), &key, &answer).is_err());
        answer.authenticator_data = data;
        answer.signature = signature;
        prop_assert!(WebAuthn.assert(&expected(&policy, false), &key, &answer).is_err());
    }

    #[test]
    fn a_registration_that_is_cut_short_or_garbled_is_refused(at in 0_usize..166, bit in 0_u8..8) {
        let whole = Maker::new(Key::eddsa()).registration();
        prop_assert!(register(&whole));
        let end = whole.attestation_object.len();
        let mut cut = whole.clone();
        cut.attestation_object.truncate(at.min(end - 1));
        prop_assert!(!register(&cut));
        let mut longer = whole.clone();
        longer.attestation_object.push(bit);
        prop_assert!(!register(&longer));
        // A flipped bit is refused, or is one of what nobody vouches for: flags, counter, model, and the key itself.
        let mut garbled = whole.clone();
        garbled.attestation_object[at.min(end - 1)] ^= 1 << bit;
        let _ = register(&garbled);
    }

    #[test]
    fn an_assertion_with_any_bit_changed_is_refused(at in any::<prop::sample::Index>(), bit in 0_u8..8, part in 0_u8..3) {
        let policy = policy();
        let maker = Maker::signing(Key::eddsa());
        let mut answer = maker.assertion();
        let bytes = match part {
            0 => &mut answer.client_data,
            1 => &mut answer.authenticator_data,
            _ => &mut answer.signature,
        };
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(WebAuthn.assert(&expected(&policy, false), &maker.public_key(), &answer).is_err());
    }
}
