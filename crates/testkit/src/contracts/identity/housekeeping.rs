//! What is old goes, what is in use stays, and never more than was asked for.

use std::time::Duration;

use vutf_identity::{
    Session, User,
    guard::{GuardKey, GuardState},
    refresh::TokenHash,
};
use vutf_kernel::{SessionId, Timestamp};

use super::{HOME, Store, stored_user};
use crate::factory::Factory;

const DAY: Duration = Duration::from_hours(24);

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    idle_counters_go(store, factory).await;
    known_browsers_go_with_age(store, factory).await;
    sessions_that_are_over_go(store, factory).await;
}

async fn put(store: &Store, key: &GuardKey, failures: i64, blocked_until: Option<Timestamp>, at: Timestamp) {
    let state = GuardState {
        failures,
        blocked_until,
    };
    once!(store, guards.put(HOME, key, &state, at)).unwrap();
}

/// Removes what the suites before left behind, in steps as small as the housekeeper's.
async fn remove_guards(store: &Store, before: Timestamp, now: Timestamp) {
    while once!(store, housekeeping.remove_guards(before, now, 2)).unwrap() > 0 {}
}

async fn idle_counters_go(store: &Store, factory: &mut Factory) {
    // The counters of the other suites are from before `start`.
    let start = factory.now().plus(DAY * 365);
    remove_guards(store, start, start).await;
    let (later, now) = (start.plus(DAY), start.plus(DAY * 2));
    let mut unknown = || GuardKey::password_of_unknown(factory.bytes());
    let strangers = [unknown(), unknown(), unknown()];
    let (barred, recent) = (unknown(), unknown());
    let clear = GuardKey::password_of(stored_user(store, factory).await.id);
    let guessed = GuardKey::password_of(stored_user(store, factory).await.id);
    for (key, failures) in strangers.iter().zip([0, 3, 100]) {
        put(store, key, failures, Some(start), start).await;
    }
    put(store, &barred, 6, Some(now.plus(DAY)), start).await;
    put(store, &recent, 6, None, later).await;
    put(store, &clear, 0, None, start).await;
    put(store, &guessed, 100, None, start).await;

    let mut removed = Vec::new();
    for _ in 0..3 {
        removed.push(once!(store, housekeeping.remove_guards(later, now, 3)).unwrap());
    }
    assert_eq!(removed, [3, 1, 0]);
    let mut left = Vec::new();
    for key in strangers.iter().chain([&barred, &recent, &clear, &guessed]) {
        left.push(once!(store, guards.lock(HOME, key, now)).unwrap().failures);
    }
    assert_eq!(left, [0, 0, 0, 6, 6, 0, 100]);
}

async fn known_browsers_go_with_age(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await.id;
    let start = factory.now().plus(DAY * 400);
    remove_guards(store, start, start).await;
    let key = |account: u8| GuardKey {
        user: Some(user),
        account: [account; 32],
        authenticator: "device",
    };
    let state = GuardState {
        failures: 10,
        blocked_until: None,
    };
    let (old, young) = (key(0xD1), key(0xD2));
    once!(store, guards.put(HOME, &old, &state, start)).unwrap();
    let later = start.plus(DAY);
    once!(store, guards.put(HOME, &young, &state, later)).unwrap();
    assert_eq!(
        once!(store, housekeeping.remove_guards(later, later, 10)).unwrap(),
        1
    );
    assert_eq!(
        once!(store, guards.failures_of(HOME, &young.account)).unwrap(),
        10,
        "the young one stays"
    );
    assert_eq!(once!(store, guards.failures_of(HOME, &old.account)).unwrap(), 0);
}

/// A session with `rotations` spent tokens, that expires at `end`.
async fn session_until(
    store: &Store,
    factory: &mut Factory,
    user: &User,
    end: Timestamp,
    tokens: i64,
) -> (SessionId, TokenHash) {
    let session = Session {
        expires_at: end,
        ..factory.session(user)
    };
    let (mut family, first) = factory.family(&session);
    once!(store, sessions.insert(&session)).unwrap();
    once!(store, refresh.insert_family(&family, &first)).unwrap();
    let mut head = first.clone();
    for generation in 1..tokens {
        let next = factory.token(&family, generation);
        let idle = family.idle_expires_at;
        assert!(once!(store, refresh.rotate(&family, &head, &next, idle)).unwrap());
        family.generation = generation;
        head = next;
    }
    (session.id, first.hash)
}

async fn is_there(store: &Store, (session, token): (SessionId, TokenHash)) -> (bool, bool) {
    let session = once!(store, sessions.find(HOME, session)).unwrap();
    let token = once!(store, refresh.find(&token)).unwrap();
    (session.is_some(), token.is_some())
}

async fn sessions_that_are_over_go(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    // Long before anything of the other suites.
    let cut = Timestamp::from_secs(1_000);
    let (past, future) = (cut.minus(DAY), cut.plus(DAY));
    let expired = session_until(store, factory, &user, past, 3).await;
    let ended = session_until(store, factory, &user, future, 2).await;
    let lately_ended = session_until(store, factory, &user, future, 1).await;
    let live = session_until(store, factory, &user, future, 2).await;
    for (session, at) in [(ended.0, past), (lately_ended.0, cut)] {
        assert!(once!(store, sessions.revoke(HOME, session, "logout", None, at)).unwrap());
    }
    let early = once!(store, housekeeping.remove_sessions(cut, 10)).unwrap();
    assert_eq!(early, 0, "what has tokens waits for them to go");
    let mut removed = Vec::new();
    for _ in 0..3 {
        removed.push(once!(store, housekeeping.remove_tokens(cut, 4)).unwrap());
    }
    assert_eq!(removed, [4, 1, 0]);
    let mut removed = Vec::new();
    for _ in 0..3 {
        removed.push(once!(store, housekeeping.remove_sessions(cut, 1)).unwrap());
    }
    assert_eq!(removed, [1, 1, 0]);
    for gone in [expired, ended] {
        assert_eq!(is_there(store, gone).await, (false, false));
    }
    for kept in [lately_ended, live] {
        assert_eq!(is_there(store, kept).await, (true, true));
    }
}
