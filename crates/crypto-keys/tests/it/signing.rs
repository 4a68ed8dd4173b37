//! Signatures, MACs and blind indexes across rotations.

use vutf_crypto_keys::{KeyState, Purpose};

use crate::world::{HOME, another_organization, world};

const SIGNING: Purpose = Purpose::TokenSigning;

#[tokio::test]
async fn a_signature_verifies_with_its_key_message_and_tenant_only() {
    let world = world().await;
    let elsewhere = another_organization();
    world.provision(elsewhere).await;
    let signature = world.ring.sign(HOME, &SIGNING, b"message").unwrap();
    let verify = |organization, message: &[u8], bytes: &[u8]| {
        world
            .ring
            .verify(organization, &SIGNING, signature.key_id, message, bytes)
    };
    assert!(verify(HOME, b"message", &signature.bytes));
    assert!(!verify(HOME, b"massage", &signature.bytes));
    assert!(!verify(elsewhere, b"message", &signature.bytes));
    assert!(!verify(HOME, b"message", &signature.bytes[..63]));
    let keys = world.ring.verifying_keys(HOME, &SIGNING);
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (keys[0].key_id, keys[0].public_key),
        (signature.key_id, signature.public_key)
    );
}

#[tokio::test]
async fn after_a_rotation_both_keys_verify_and_the_new_one_signs() {
    let world = world().await;
    let old = world.ring.sign(HOME, &SIGNING, b"m").unwrap();
    world.rotate(&SIGNING).await;
    let new = world.ring.sign(HOME, &SIGNING, b"m").unwrap();
    assert_ne!(old.key_id, new.key_id);
    for signature in [old, new] {
        assert!(
            world
                .ring
                .verify(HOME, &SIGNING, signature.key_id, b"m", &signature.bytes)
        );
    }
    let states: Vec<_> = world
        .ring
        .verifying_keys(HOME, &SIGNING)
        .iter()
        .map(|key| (key.version, key.state))
        .collect();
    assert_eq!(states, [(2, KeyState::Active), (1, KeyState::Deactivated)]);
}

#[tokio::test]
async fn a_mac_is_bound_to_name_message_and_tenant_and_survives_a_rotation() {
    let world = world().await;
    let elsewhere = another_organization();
    world.provision(elsewhere).await;
    let tag = world.ring.mac(HOME, "cursor", b"m").unwrap();
    let verify = |organization, message: &[u8], tag: &[u8]| {
        world
            .ring
            .verify_mac(organization, "cursor", message, tag)
            .unwrap()
    };
    assert!(verify(HOME, b"m", &tag));
    assert!(!verify(HOME, b"n", &tag));
    assert!(!verify(elsewhere, b"m", &tag));
    assert!(!verify(HOME, b"m", &tag[..31]) && !verify(HOME, b"m", &[]));
    world.rotate(&Purpose::mac("cursor")).await;
    assert!(verify(HOME, b"m", &tag));
    assert_ne!(world.ring.mac(HOME, "cursor", b"m").unwrap(), tag);
}

#[tokio::test]
async fn blind_indexes_are_equal_for_equal_values_of_one_column_only() {
    let world = world().await;
    let elsewhere = another_organization();
    world.provision(elsewhere).await;
    let index = |organization, value: &[u8]| {
        world
            .ring
            .blind_index(organization, "users", "email", value)
            .unwrap()
    };
    assert_eq!(index(HOME, b"a"), index(HOME, b"a"));
    assert_ne!(index(HOME, b"a"), index(HOME, b"b"));
    assert_ne!(index(HOME, b"a").value, index(elsewhere, b"a").value);
}

#[tokio::test]
async fn during_a_rotation_both_versions_of_an_index_are_candidates() {
    let world = world().await;
    let old = world.ring.blind_index(HOME, "users", "email", b"a").unwrap();
    world.rotate(&Purpose::index("users", "email")).await;
    let new = world.ring.blind_index(HOME, "users", "email", b"a").unwrap();
    assert_eq!((old.version, new.version), (1, 2));
    let candidates = world
        .ring
        .blind_index_candidates(HOME, "users", "email", b"a")
        .unwrap();
    assert_eq!(candidates, [new, old]);
}
