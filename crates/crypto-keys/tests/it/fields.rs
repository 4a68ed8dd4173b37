//! Field encryption: what opens, and everything that does not.

use std::sync::LazyLock;

use proptest::prelude::*;
use vutf_crypto_keys::{CryptoError, FieldRef, Keyring, Purpose};
use vutf_kernel::{Fault, OsEntropy, SystemClock, UserId};

use crate::world::{HOME, World, another_organization, world};

fn place(row: &[u8]) -> FieldRef<'_> {
    FieldRef {
        organization_id: HOME,
        table: "users",
        column: "email",
        row,
        subject: None,
    }
}

#[tokio::test]
async fn a_ciphertext_opens_in_its_place_only() {
    let world = world().await;
    let elsewhere = another_organization();
    world.provision(elsewhere).await;
    let subject = UserId::generate(&SystemClock, &mut OsEntropy);
    let home = FieldRef {
        subject: Some(subject),
        ..place(b"row-1")
    };
    let sealed = world
        .ring
        .seal(&home, b"ada@example.org", &mut OsEntropy)
        .unwrap();
    assert_eq!(
        world.ring.open(&home, &sealed).unwrap().expose(),
        b"ada@example.org"
    );

    for moved in [
        FieldRef {
            column: "display_name",
            ..home
        },
        FieldRef {
            row: b"row-2",
            ..home
        },
        FieldRef {
            subject: None,
            ..home
        },
        FieldRef {
            subject: Some(UserId::generate(&SystemClock, &mut OsEntropy)),
            ..home
        },
    ] {
        assert_eq!(
            world.ring.open(&moved, &sealed).unwrap_err(),
            CryptoError::Authentication,
            "{moved:?}"
        );
    }
    for foreign in [
        FieldRef {
            table: "sessions",
            ..home
        },
        FieldRef {
            organization_id: elsewhere,
            ..home
        },
    ] {
        let error = world.ring.open(&foreign, &sealed).unwrap_err();
        assert!(
            matches!(error, CryptoError::ForeignKey(_)),
            "{foreign:?}: {error}"
        );
    }
}

#[tokio::test]
async fn equal_plaintexts_have_different_ciphertexts() {
    let world = world().await;
    let seal = || world.ring.seal(&place(b"r"), b"same", &mut OsEntropy).unwrap();
    assert_ne!(seal(), seal());
}

#[tokio::test]
async fn every_flipped_byte_is_refused() {
    let world = world().await;
    let sealed = world.ring.seal(&place(b"r"), b"hello", &mut OsEntropy).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 0x01;
        let error = world.ring.open(&place(b"r"), &changed).unwrap_err();
        match at {
            0 | 1 | 3 => assert_eq!(error, CryptoError::Malformed, "byte {at}"),
            2 => assert_eq!(error, CryptoError::UnknownSuite(0), "byte {at}"),
            4..20 => assert_eq!(error.fault(), Fault::KeyNotLoaded, "byte {at}"),
            20..24 => assert!(matches!(error, CryptoError::ForeignKey(_)), "byte {at}: {error}"),
            48..80 => assert_eq!(error, CryptoError::CommitmentMismatch, "byte {at}"),
            // The nonce, the ciphertext and the tag.
            _ => assert_eq!(error, CryptoError::Authentication, "byte {at}"),
        }
    }
}

#[tokio::test]
async fn a_suite_that_is_not_known_is_refused() {
    let world = world().await;
    let mut sealed = world.ring.seal(&place(b"r"), b"hello", &mut OsEntropy).unwrap();
    for suite in [0, 3, 255] {
        sealed[2] = suite;
        let error = world.ring.open(&place(b"r"), &sealed).unwrap_err();
        assert_eq!(error, CryptoError::UnknownSuite(suite));
        assert_eq!(error.fault(), Fault::Other);
    }
}

#[tokio::test]
async fn after_a_rotation_old_ciphertexts_open_and_new_ones_name_the_new_key() {
    let world = world().await;
    let old = world.ring.seal(&place(b"r"), b"old", &mut OsEntropy).unwrap();
    world.rotate(&Purpose::field("users")).await;
    let new = world.ring.seal(&place(b"r"), b"new", &mut OsEntropy).unwrap();
    assert_ne!(old[4..20], new[4..20]);
    assert_eq!(
        (&old[20..24], &new[20..24]),
        (&[0, 0, 0, 1][..], &[0, 0, 0, 2][..])
    );
    assert_eq!(world.ring.open(&place(b"r"), &old).unwrap().expose(), b"old");
    assert_eq!(world.ring.open(&place(b"r"), &new).unwrap().expose(), b"new");
}

#[tokio::test]
async fn what_is_not_loaded_says_so() {
    let world = world().await;
    let sealed = world.ring.seal(&place(b"r"), b"x", &mut OsEntropy).unwrap();
    let empty = Keyring::new();
    let errors = [
        empty.open(&place(b"r"), &sealed).unwrap_err(),
        empty.seal(&place(b"r"), b"x", &mut OsEntropy).unwrap_err(),
        empty.blind_index(HOME, "users", "email", b"x").unwrap_err(),
        empty.mac(HOME, "cursor", b"x").unwrap_err(),
        empty.sign(HOME, &Purpose::TokenSigning, b"x").unwrap_err(),
        world
            .ring
            .seal(
                &FieldRef {
                    table: "other",
                    ..place(b"r")
                },
                b"x",
                &mut OsEntropy,
            )
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.fault(), Fault::KeyNotLoaded, "{error}");
        assert!(error.into_port("test").is_retryable());
    }
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(world())
});

proptest! {
    #[test]
    fn opening_arbitrary_bytes_is_an_error_and_no_panic(
        mut input in prop::collection::vec(any::<u8>(), 0..300),
        with_header: bool,
    ) {
        if with_header && input.len() > 80 {
            let real = WORLD.ring.seal(&place(b"r"), b"", &mut OsEntropy).unwrap();
            input[..80].copy_from_slice(&real[..80]);
        }
        prop_assert!(WORLD.ring.open(&place(b"r"), &input).is_err());
    }

    #[test]
    fn what_was_sealed_opens(
        plaintext in prop::collection::vec(any::<u8>(), 0..2_000),
        row in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let sealed = WORLD.ring.seal(&place(&row), &plaintext, &mut OsEntropy).unwrap();
        let opened = WORLD.ring.open(&place(&row), &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &plaintext);
    }
}
