//! Passkeys: one owner, a counter that only grows, and a challenge that is answered once.

use std::time::Duration;

use vutf_identity::{
    User,
    passkey::{Backup, Passkey, PasskeyChallenge, PasskeyName, Purpose},
};
use vutf_kernel::{FactorId, Fault};

use super::{HOME, RACERS, Store, race, same, stored_user};
use crate::{contracts::NEIGHBOUR, factory::Factory};

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    a_passkey_is_found_by_its_owner_and_by_its_id(store, factory).await;
    ids_and_keys_are_not_given_twice(store, factory).await;
    a_use_moves_the_counter_forward_only(store, factory).await;
    one_caller_moves_a_counter(store, factory).await;
    a_name_is_changed_and_nothing_else(store, factory).await;
    a_passkey_is_removed_by_its_owner(store, factory).await;
    a_challenge_is_given_to_one_caller(store, factory).await;
    what_is_over_goes(store, factory).await;
}

async fn stored(store: &Store, factory: &mut Factory) -> (User, Passkey) {
    let user = stored_user(store, factory).await;
    let passkey = factory.passkey(&user);
    once!(store, passkeys.insert(&passkey)).unwrap();
    (user, passkey)
}

async fn a_passkey_is_found_by_its_owner_and_by_its_id(store: &Store, factory: &mut Factory) {
    let (user, first) = stored(store, factory).await;
    let second = factory.passkey(&user);
    once!(store, passkeys.insert(&second)).unwrap();
    let all = once!(store, passkeys.of_user(HOME, user.id)).unwrap();
    assert_eq!(all, [first.clone(), second.clone()]);
    assert_eq!(once!(store, passkeys.count_of(HOME, user.id)).unwrap(), 2);
    let id = &second.credential_id;
    let found = once!(store, passkeys.find_credential(HOME, id)).unwrap();
    assert_eq!(found, Some(second.clone()));
    // The neighbour sees nothing of it.
    assert!(
        once!(store, passkeys.of_user(NEIGHBOUR, user.id))
            .unwrap()
            .is_empty()
    );
    assert_eq!(once!(store, passkeys.count_of(NEIGHBOUR, user.id)).unwrap(), 0);
    assert_eq!(
        once!(store, passkeys.find_credential(NEIGHBOUR, id)).unwrap(),
        None
    );
}

async fn ids_and_keys_are_not_given_twice(store: &Store, factory: &mut Factory) {
    let (user, known) = stored(store, factory).await;
    let other = stored_user(store, factory).await;
    let same_id = Passkey {
        credential_id: known.credential_id.clone(),
        ..factory.passkey(&other)
    };
    let same_key = Passkey {
        public_key: known.public_key.clone(),
        ..factory.passkey(&user)
    };
    for clash in [&same_id, &same_key] {
        let error = once!(store, passkeys.insert(clash)).unwrap_err();
        assert_eq!(error.fault, Fault::Duplicate);
    }
    // Two people may have an authenticator of the same badly made key: it lets each into their own account alone.
    let elsewhere = Passkey {
        public_key: known.public_key,
        ..factory.passkey(&other)
    };
    once!(store, passkeys.insert(&elsewhere)).unwrap();
}

async fn a_use_moves_the_counter_forward_only(store: &Store, factory: &mut Factory) {
    let (user, passkey) = stored(store, factory).await;
    for (count, taken) in [
        (4, false),
        (3, false),
        (0, false),
        (5, true),
        (5, false),
        (9, true),
    ] {
        let moved = Passkey {
            sign_count: count,
            backup: Backup {
                eligible: true,
                present: true,
            },
            password_changed_at: None,
            last_used_at: Some(factory.now()),
            ..passkey.clone()
        };
        assert_eq!(once!(store, passkeys.note_use(&moved)).unwrap(), taken, "{count}");
        if taken {
            let found = once!(store, passkeys.of_user(HOME, user.id)).unwrap();
            assert!(same(&found, &vec![moved]));
        }
    }
    // One that does not count.
    let silent = Passkey {
        sign_count: 0,
        ..factory.passkey(&user)
    };
    once!(store, passkeys.insert(&silent)).unwrap();
    for _ in 0..2 {
        assert!(once!(store, passkeys.note_use(&silent)).unwrap());
    }
    let unknown = factory.passkey(&user);
    assert!(!once!(store, passkeys.note_use(&unknown)).unwrap());
    let foreign = Passkey {
        organization_id: NEIGHBOUR,
        sign_count: 100,
        ..passkey
    };
    assert!(!once!(store, passkeys.note_use(&foreign)).unwrap());
}

async fn one_caller_moves_a_counter(store: &Store, factory: &mut Factory) {
    let (user, passkey) = stored(store, factory).await;
    let moved = Passkey {
        sign_count: 5,
        ..passkey
    };
    let answers = race(store, move |_, tx| {
        let moved = moved.clone();
        Box::pin(async move { tx.passkeys().note_use(&moved).await })
    })
    .await;
    assert_eq!(super::winners(&answers), 1);
    let found = once!(store, passkeys.of_user(HOME, user.id)).unwrap();
    assert_eq!(found[0].sign_count, 5);
}

async fn a_name_is_changed_and_nothing_else(store: &Store, factory: &mut Factory) {
    let (user, passkey) = stored(store, factory).await;
    let renamed = Passkey {
        name: PasskeyName::parse("the blue one").unwrap(),
        sign_count: 1_000,
        stamps: passkey.stamps.clone().changed(Some(user.id), factory.now()),
        ..passkey.clone()
    };
    assert!(once!(store, passkeys.rename(&renamed)).unwrap());
    let found = once!(store, passkeys.of_user(HOME, user.id)).unwrap();
    let expected = Passkey {
        sign_count: passkey.sign_count,
        ..renamed.clone()
    };
    assert_eq!(found, [expected]);
    let foreign = Passkey {
        user_id: stored_user(store, factory).await.id,
        ..renamed
    };
    assert!(!once!(store, passkeys.rename(&foreign)).unwrap());
}

async fn a_passkey_is_removed_by_its_owner(store: &Store, factory: &mut Factory) {
    let ((user, passkey), (other, theirs)) = (stored(store, factory).await, stored(store, factory).await);
    let unknown = FactorId::from_uuid(factory.passkey(&user).id.as_uuid());
    for (organization, owner, id) in [
        (NEIGHBOUR, user.id, passkey.id),
        (HOME, other.id, passkey.id),
        (HOME, user.id, unknown),
    ] {
        assert!(!once!(store, passkeys.remove(organization, owner, id)).unwrap());
    }
    let (id, owner) = (passkey.id, user.id);
    let answers = race(store, move |_, tx| {
        Box::pin(async move { tx.passkeys().remove(HOME, owner, id).await })
    })
    .await;
    assert_eq!(super::winners(&answers), 1);
    assert_eq!(once!(store, passkeys.remove_of(NEIGHBOUR, other.id)).unwrap(), 0);
    let ceremony = factory.ceremony(&other);
    once!(store, passkeys.open_challenge(&ceremony)).unwrap();
    assert_eq!(once!(store, passkeys.remove_of(HOME, other.id)).unwrap(), 1);
    let gone = once!(store, passkeys.find_credential(HOME, &theirs.credential_id)).unwrap();
    assert_eq!(gone, None);
    let ended = once!(store, passkeys.take_challenge(HOME, &ceremony.hash)).unwrap();
    assert_eq!(ended, None, "what was begun goes with it");
}

async fn a_challenge_is_given_to_one_caller(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let own = factory.ceremony(&user);
    let nobodys = PasskeyChallenge {
        purpose: Purpose::SignIn,
        session: None,
        ..factory.ceremony(&user)
    };
    for challenge in [own, nobodys] {
        once!(store, passkeys.open_challenge(&challenge)).unwrap();
        let hash = challenge.hash;
        let elsewhere = once!(store, passkeys.take_challenge(NEIGHBOUR, &hash)).unwrap();
        assert_eq!(elsewhere, None);
        let answers = race(store, move |_, tx| {
            Box::pin(async move { tx.passkeys().take_challenge(HOME, &hash).await })
        })
        .await;
        let taken = answers.into_iter().map(|answer| answer.expect("no racer fails"));
        let taken: Vec<_> = taken.collect();
        assert_eq!(taken.len(), RACERS);
        let taken: Vec<_> = taken.into_iter().flatten().collect();
        assert_eq!(taken, [challenge]);
    }
}

async fn what_is_over_goes(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let over: Vec<_> = (0..3).map(|_| factory.ceremony(&user)).collect();
    let end = over[2].expires_at.plus(Duration::from_secs(1));
    let live = PasskeyChallenge {
        expires_at: end.plus(Duration::from_hours(1)),
        ..factory.ceremony(&user)
    };
    for challenge in over.iter().chain([&live]) {
        once!(store, passkeys.open_challenge(challenge)).unwrap();
    }
    while once!(store, housekeeping.remove_ceremonies(end, 2)).unwrap() > 0 {}
    for challenge in &over {
        let found = once!(store, passkeys.take_challenge(HOME, &challenge.hash)).unwrap();
        assert_eq!(found, None);
    }
    let kept = once!(store, passkeys.take_challenge(HOME, &live.hash)).unwrap();
    assert_eq!(kept, Some(live));
}
