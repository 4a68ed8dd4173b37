//! Second factors: a code is good once, whoever presents it and however many at once.

use std::time::Duration;

use vutf_identity::{
    User,
    mfa::{MfaChallenge, TotpFactor, repo::Removed},
    refresh::TokenHash,
};

use super::{HOME, RACERS, Store, race, same, stored_user, winners};
use crate::{contracts::NEIGHBOUR, factory::Factory};

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    a_factor_is_made_confirmed_and_replaced(store, factory).await;
    a_step_is_used_once_and_only_forwards(store, factory).await;
    one_caller_uses_a_step(store, factory).await;
    one_caller_confirms(store, factory).await;
    a_backup_code_is_used_once(store, factory).await;
    a_challenge_is_used_once(store, factory).await;
    challenges_that_are_over_go(store, factory).await;
    everything_of_a_user_goes_at_once(store, factory).await;
}

/// `factor` as the first code makes it.
fn confirmed(factory: &Factory, factor: &TotpFactor, step: i64) -> TotpFactor {
    let now = factory.now();
    TotpFactor {
        confirmed_at: Some(now),
        last_step: step,
        stamps: factor.stamps.clone().changed(Some(factor.user_id), now),
        ..factor.clone()
    }
}

async fn with_factor(store: &Store, factory: &mut Factory) -> (User, TotpFactor) {
    let user = stored_user(store, factory).await;
    let pending = factory.totp_factor(&user);
    once!(store, mfa.enrol(&pending)).unwrap();
    let factor = confirmed(factory, &pending, 5);
    assert!(once!(store, mfa.confirm(&factor)).unwrap());
    (user, factor)
}

async fn a_factor_is_made_confirmed_and_replaced(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    assert!(once!(store, mfa.confirmed(HOME, user.id)).unwrap().is_none());
    assert!(once!(store, mfa.pending(HOME, user.id)).unwrap().is_none());
    let (given_up, pending) = (factory.totp_factor(&user), factory.totp_factor(&user));
    once!(store, mfa.enrol(&given_up)).unwrap();
    once!(store, mfa.enrol(&pending)).unwrap();
    assert!(!once!(store, mfa.confirm(&confirmed(factory, &given_up, 1))).unwrap());
    let found = once!(store, mfa.pending(HOME, user.id)).unwrap().unwrap();
    assert!(same(&found, &pending) && found.secret == pending.secret);
    assert!(once!(store, mfa.confirmed(HOME, user.id)).unwrap().is_none());
    assert!(once!(store, mfa.pending(NEIGHBOUR, user.id)).unwrap().is_none());

    let first = confirmed(factory, &pending, 7);
    assert!(once!(store, mfa.confirm(&first)).unwrap());
    assert!(!once!(store, mfa.confirm(&first)).unwrap(), "it waits no more");
    let found = once!(store, mfa.confirmed(HOME, user.id)).unwrap().unwrap();
    assert!(same(&found, &first) && found.secret == first.secret);
    assert!(once!(store, mfa.pending(HOME, user.id)).unwrap().is_none());

    let next = factory.totp_factor(&user);
    once!(store, mfa.enrol(&next)).unwrap();
    let found = once!(store, mfa.confirmed(HOME, user.id)).unwrap().unwrap();
    assert_eq!(found.id, first.id, "it counts until the next one is confirmed");
    let next = confirmed(factory, &next, 9);
    assert!(once!(store, mfa.confirm(&next)).unwrap());
    let found = once!(store, mfa.confirmed(HOME, user.id)).unwrap().unwrap();
    assert!(same(&found, &next) && found.secret == next.secret);
    assert!(!once!(store, mfa.use_step(&first, 100, factory.now())).unwrap());
}

async fn a_step_is_used_once_and_only_forwards(store: &Store, factory: &mut Factory) {
    let (user, factor) = with_factor(store, factory).await;
    for (step, taken) in [
        (5, false),
        (4, false),
        (6, true),
        (6, false),
        (5, false),
        (8, true),
        (7, false),
    ] {
        let at = factory.now();
        assert_eq!(
            once!(store, mfa.use_step(&factor, step, at)).unwrap(),
            taken,
            "{step}"
        );
    }
    let found = once!(store, mfa.confirmed(HOME, user.id)).unwrap().unwrap();
    assert_eq!((found.last_step, found.secret), (8, factor.secret));
    let other = stored_user(store, factory).await;
    let waiting = factory.totp_factor(&other);
    once!(store, mfa.enrol(&waiting)).unwrap();
    assert!(!once!(store, mfa.use_step(&waiting, 9, factory.now())).unwrap());
}

async fn one_caller_uses_a_step(store: &Store, factory: &mut Factory) {
    let (user, factor) = with_factor(store, factory).await;
    let at = factory.now();
    let answers = race(store, move |_, tx| {
        let factor = factor.clone();
        Box::pin(async move { tx.mfa().use_step(&factor, 6, at).await })
    })
    .await;
    assert_eq!(winners(&answers), 1);
    let found = once!(store, mfa.confirmed(HOME, user.id)).unwrap().unwrap();
    assert_eq!(found.last_step, 6);
}

async fn one_caller_confirms(store: &Store, factory: &mut Factory) {
    let (user, _) = with_factor(store, factory).await;
    let pending = factory.totp_factor(&user);
    once!(store, mfa.enrol(&pending)).unwrap();
    let next = confirmed(factory, &pending, 6);
    let answers = race(store, move |_, tx| {
        let next = next.clone();
        Box::pin(async move { tx.mfa().confirm(&next).await })
    })
    .await;
    assert_eq!(winners(&answers), 1);
    let found = once!(store, mfa.confirmed(HOME, user.id)).unwrap().unwrap();
    assert_eq!(found.id, pending.id);
}

async fn a_backup_code_is_used_once(store: &Store, factory: &mut Factory) {
    let (user, other) = (
        stored_user(store, factory).await,
        stored_user(store, factory).await,
    );
    let (old, codes) = (factory.backup_codes(), factory.backup_codes());
    let at = factory.now();
    for set in [&old, &codes] {
        once!(store, mfa.put_codes(HOME, user.id, set, at)).unwrap();
    }
    assert_eq!(once!(store, mfa.codes_left(HOME, user.id)).unwrap(), 10);
    assert_eq!(once!(store, mfa.codes_left(NEIGHBOUR, user.id)).unwrap(), 0);
    assert!(!once!(store, mfa.use_code(HOME, user.id, &old[0])).unwrap());
    assert!(!once!(store, mfa.use_code(HOME, other.id, &codes[0])).unwrap());
    assert!(!once!(store, mfa.use_code(NEIGHBOUR, user.id, &codes[0])).unwrap());
    assert!(once!(store, mfa.use_code(HOME, user.id, &codes[0])).unwrap());
    assert!(!once!(store, mfa.use_code(HOME, user.id, &codes[0])).unwrap());
    let (raced, id) = (codes[1].clone(), user.id);
    let answers = race(store, move |_, tx| {
        let code = raced.clone();
        Box::pin(async move { tx.mfa().use_code(HOME, id, &code).await })
    })
    .await;
    assert_eq!(winners(&answers), 1);
    let answers = race(store, move |racer, tx| {
        let code = codes[racer % 10].clone();
        Box::pin(async move { tx.mfa().use_code(HOME, id, &code).await })
    })
    .await;
    assert_eq!(winners(&answers), 8, "each of the rest once");
    assert_eq!(once!(store, mfa.codes_left(HOME, user.id)).unwrap(), 0);
}

async fn a_challenge_is_used_once(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let challenge = factory.mfa_challenge(&user);
    once!(store, mfa.open_challenge(&challenge)).unwrap();
    let hash = challenge.hash;
    let found = once!(store, mfa.find_challenge(HOME, &hash)).unwrap();
    assert_eq!(found.as_ref(), Some(&challenge));
    assert!(
        once!(store, mfa.find_challenge(NEIGHBOUR, &hash))
            .unwrap()
            .is_none()
    );
    assert!(!once!(store, mfa.close_challenge(NEIGHBOUR, &hash)).unwrap());
    let unknown = TokenHash(factory.bytes());
    assert!(!once!(store, mfa.close_challenge(HOME, &unknown)).unwrap());
    let answers = race(store, move |_, tx| {
        Box::pin(async move { tx.mfa().close_challenge(HOME, &hash).await })
    })
    .await;
    assert_eq!((winners(&answers), answers.len()), (1, RACERS));
    assert!(once!(store, mfa.find_challenge(HOME, &hash)).unwrap().is_none());
}

async fn challenges_that_are_over_go(store: &Store, factory: &mut Factory) {
    let (user, other) = (
        stored_user(store, factory).await,
        stored_user(store, factory).await,
    );
    let over = factory.mfa_challenge(&user);
    let later = |challenge: MfaChallenge| MfaChallenge {
        created_at: over.expires_at,
        expires_at: over.expires_at.plus(Duration::from_mins(5)),
        ..challenge
    };
    let kept = factory.mfa_challenge(&other);
    let (live, second) = (
        later(factory.mfa_challenge(&user)),
        later(factory.mfa_challenge(&user)),
    );
    for challenge in [&over, &kept, &live, &second] {
        once!(store, mfa.open_challenge(challenge)).unwrap();
    }
    let mut left = Vec::new();
    for challenge in [&over, &kept, &live, &second] {
        let found = once!(store, mfa.find_challenge(HOME, &challenge.hash)).unwrap();
        left.push(found.is_some());
    }
    assert_eq!(left, [false, true, true, true]);
    // The housekeeper takes the rest, a few at a time.
    let end = live.expires_at.plus(Duration::from_hours(1));
    while once!(store, housekeeping.remove_challenges(end, 2)).unwrap() > 0 {}
    for challenge in [&kept, &live] {
        let found = once!(store, mfa.find_challenge(HOME, &challenge.hash)).unwrap();
        assert!(found.is_none());
    }
}

async fn everything_of_a_user_goes_at_once(store: &Store, factory: &mut Factory) {
    let ((user, _), (other, _)) = (
        with_factor(store, factory).await,
        with_factor(store, factory).await,
    );
    for person in [&user, &other] {
        once!(store, mfa.enrol(&factory.totp_factor(person))).unwrap();
        let codes = factory.backup_codes();
        once!(store, mfa.put_codes(HOME, person.id, &codes, factory.now())).unwrap();
        once!(store, mfa.open_challenge(&factory.mfa_challenge(person))).unwrap();
    }
    assert_eq!(
        once!(store, mfa.remove_of(NEIGHBOUR, user.id)).unwrap(),
        Removed::default()
    );
    let all = Removed {
        factors: 2,
        codes: 10,
        challenges: 1,
    };
    assert_eq!(once!(store, mfa.remove_of(HOME, user.id)).unwrap(), all);
    assert_eq!(
        once!(store, mfa.remove_of(HOME, user.id)).unwrap(),
        Removed::default()
    );
    assert!(once!(store, mfa.confirmed(HOME, other.id)).unwrap().is_some());
    assert_eq!(once!(store, mfa.codes_left(HOME, other.id)).unwrap(), 10);
}
