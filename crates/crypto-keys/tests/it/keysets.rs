//! What holds for all versions of a purpose: minimum versions, suspended keys, limits of use; and that nobody but the service
//! decides it.

use vutf_crypto_keys::{
    CryptoError, FieldRef, KeyState, KeysTx, Keyset, KeysetPolicy, LifecycleReader as _, LoadError, Purpose,
    Registry, ServiceUse, Usage, plan_usage,
};
use vutf_kernel::{KeyId, OsEntropy, Transaction};

use crate::world::{HOME, World, another_organization, world};

const EMAIL: FieldRef<'static> = FieldRef {
    organization_id: HOME,
    table: "users",
    column: "email",
    row: b"r",
    subject: None,
};

fn users() -> Purpose {
    Purpose::field("users")
}

fn minimum(minimum_version: u32) -> KeysetPolicy {
    KeysetPolicy {
        minimum_version,
        ..KeysetPolicy::default()
    }
}

fn seal(world: &World) -> Result<Vec<u8>, CryptoError> {
    world.ring.seal(&EMAIL, b"x", &mut OsEntropy)
}

#[tokio::test]
async fn versions_below_the_minimum_are_refused_and_their_keys_are_not_even_unwrapped() {
    let world = world().await;
    let old = seal(&world).unwrap();
    world.rotate(&users()).await;
    let new = seal(&world).unwrap();
    world.decide(&users(), minimum(2)).await;
    let refused = world.ring.open(&EMAIL, &old).unwrap_err();
    assert_eq!(
        refused,
        CryptoError::BelowMinimumVersion {
            version: 1,
            minimum: 2
        }
    );
    assert_eq!(world.ring.open(&EMAIL, &new).unwrap().expose(), b"x");
    let report = world.reload().await.unwrap();
    assert_eq!(report.refused, 1);
    world.decide(&users(), minimum(1)).await;
    assert_eq!(world.ring.open(&EMAIL, &old).unwrap().expose(), b"x");
}

#[tokio::test]
async fn a_minimum_holds_for_macs_indexes_and_signatures_too() {
    let world = world().await;
    let tag = world.ring.mac(HOME, "cursor", b"x").unwrap();
    let index = world.ring.blind_index(HOME, "users", "email", b"x").unwrap();
    let (cursor, email) = (Purpose::mac("cursor"), Purpose::index("users", "email"));
    for purpose in [&cursor, &email, &Purpose::TokenSigning] {
        world.rotate(purpose).await;
        world.decide(purpose, minimum(2)).await;
    }
    assert!(!world.ring.verify_mac(HOME, "cursor", b"x", &tag).unwrap());
    let candidates = world
        .ring
        .blind_index_candidates(HOME, "users", "email", b"x")
        .unwrap();
    assert!(
        candidates
            .iter()
            .all(|candidate| candidate.version == 2 && *candidate != index)
    );
    let keys = world.ring.verifying_keys(HOME, &Purpose::TokenSigning);
    assert_eq!(keys.iter().map(|key| key.version).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn a_suspended_key_reads_only_where_that_was_decided() {
    let world = world().await;
    let purpose = Purpose::service(ServiceUse::Mac, "hook");
    world.create(&purpose, true).await;
    let service = |world: &World| {
        world
            .ring
            .service_key(HOME, ServiceUse::Mac, "hook")
            .unwrap()
            .mac(b"x")
    };
    let tag = service(&world).unwrap();
    let verify = |world: &World| {
        let key = world.ring.service_key(HOME, ServiceUse::Mac, "hook").unwrap();
        key.verify_mac(b"x", &tag)
    };
    world.bring(&purpose, KeyState::Suspended).await;
    assert_eq!(
        verify(&world).unwrap_err(),
        CryptoError::Refused(KeyState::Suspended)
    );
    let policy = KeysetPolicy {
        suspended_may_process: true,
        ..KeysetPolicy::default()
    };
    world.decide(&purpose, policy).await;
    assert_eq!(verify(&world), Ok(true));
    assert!(service(&world).is_err(), "it protects nothing");
}

#[tokio::test]
async fn a_key_protects_twice_its_limit_and_nothing_more_and_goes_on_to_read() {
    let world = world().await;
    let policy = KeysetPolicy {
        limit: Some(Usage {
            messages: 2,
            bytes: 1_000,
        }),
        ..KeysetPolicy::default()
    };
    world.decide(&users(), policy).await;
    let sealed: Vec<_> = (0..4).map(|_| seal(&world).unwrap()).collect();
    assert_eq!(seal(&world).unwrap_err(), CryptoError::Exhausted);
    assert_eq!(world.ring.open(&EMAIL, &sealed[0]).unwrap().expose(), b"x");
    world.reload().await.unwrap();
    assert_eq!(
        seal(&world).unwrap_err(),
        CryptoError::Exhausted,
        "a load forgets nothing"
    );
    world.rotate(&users()).await;
    seal(&world).unwrap();
}

#[tokio::test]
async fn use_is_written_down_by_several_processes_and_counts_in_each() {
    let world = world().await;
    let key = world.newest(&users()).await;
    for _ in 0..3 {
        world.ring.seal(&EMAIL, b"four", &mut OsEntropy).unwrap();
    }
    let deltas = world.ring.take_usage();
    let own = deltas.iter().find(|delta| delta.key_id == key.id).unwrap();
    let three = Usage {
        messages: 3,
        bytes: 12,
    };
    assert_eq!((own.more, own.organization_id), (three, HOME));
    for _replica in 0..2 {
        let mut tx = Box::new(world.keys.begin());
        for delta in &deltas {
            let rows = world.keys.usage(None).await.unwrap();
            let row = rows.into_iter().find(|row| row.key_id == delta.key_id);
            let next = plan_usage(&world.ring, row.as_ref(), delta).unwrap();
            match row {
                Some(_) => tx.lifecycle().replace_usage(&next).await.unwrap(),
                None => tx.lifecycle().insert_usage(&next).await.unwrap(),
            }
        }
        tx.commit().await.unwrap();
    }
    assert_eq!(world.ring.usage(key.id), three, "as far as it knows");
    world.reload().await.unwrap();
    assert_eq!(world.ring.usage(key.id), three.plus(three));
    assert!(world.ring.take_usage().is_empty());
    world.ring.give_back_usage(&deltas);
    assert_eq!(world.ring.usage(key.id), three.plus(three));
    assert_eq!(world.ring.take_usage(), deltas);
}

/// A registry whose keyset was changed by `edit`.
async fn tampered(world: &World, edit: impl FnOnce(&mut Keyset)) -> Registry {
    let mut registry = world.registry().await;
    edit(&mut registry.keysets[0]);
    registry
}

#[tokio::test]
async fn what_somebody_else_decided_is_refused() {
    let world = world().await;
    world.rotate(&users()).await;
    world.decide(&users(), minimum(2)).await;
    let elsewhere = another_organization();
    world.provision(elsewhere).await;
    let edits: [fn(&mut Keyset); 3] = [
        |keyset| keyset.policy.minimum_version = 1,
        |keyset| keyset.purpose = Purpose::field("sessions"),
        |keyset| keyset.revision += 1,
    ];
    for edit in edits {
        let registry = tampered(&world, edit).await;
        let refused = vutf_crypto_keys::Keyring::new()
            .load_registry(&world.provider, &registry)
            .await
            .unwrap_err();
        assert!(matches!(refused, LoadError::KeysetMac { .. }), "{refused}");
    }
    let moved = tampered(&world, |keyset| keyset.organization_id = elsewhere).await;
    let refused = vutf_crypto_keys::Keyring::new()
        .load_registry(&world.provider, &moved)
        .await
        .unwrap_err();
    assert!(matches!(refused, LoadError::Record { .. }), "{refused}");
    let unknown = tampered(&world, |keyset| {
        keyset.authenticated_by = KeyId::from_uuid(uuid::Uuid::from_bytes([7; 16]));
    });
    assert!(world.load(unknown.await).await.is_err());
}

#[tokio::test]
async fn an_older_keyset_that_is_put_back_and_one_that_is_taken_away_are_named() {
    let world = world().await;
    world.rotate(&users()).await;
    world.decide(&users(), minimum(1)).await;
    let before = world.registry().await;
    world.decide(&users(), minimum(2)).await;
    let gone = Registry {
        keysets: Vec::new(),
        ..before.clone()
    };
    for (registry, row) in [(before, 1), (gone, 0)] {
        match world.load(registry).await {
            Err(LoadError::KeysetRolledBack {
                purpose,
                row: found,
                seen: 2,
                ..
            }) => assert_eq!((purpose, found), (users(), row)),
            other => panic!("{other:?}"),
        }
    }
    let refused = world.ring.seal(&EMAIL, b"x", &mut OsEntropy);
    assert!(refused.is_ok(), "what was loaded before stays");
}
