//! Sessions, and what decides whether a request of one may go on.

use std::time::Duration;

use vutf_identity::{
    Session, User, UserStatus,
    refresh::TokenHash,
    session::{Ends, Place, Settled, used::Used},
};
use vutf_kernel::{Aal, Assurance, SessionId, Timestamp};

use super::{HOME, Store, same, stored_user};
use crate::{contracts::NEIGHBOUR, factory::Factory};

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    a_session_comes_back_as_it_was(store, factory).await;
    live_sessions_are_listed_newest_first(store, factory).await;
    a_list_has_an_end(store, factory).await;
    a_use_is_noted_while_the_session_lives(store, factory).await;
    what_is_idle_is_over(store, factory).await;
    a_cookie_is_replaced(store, factory).await;
    a_session_moves_once_and_settles(store, factory).await;
    a_session_is_ended_once(store, factory).await;
    a_new_proof_is_noted_while_the_session_lives(store, factory).await;
    all_but_one_are_ended_with_their_families(store, factory).await;
    the_status_follows_session_user_and_roles(store, factory).await;
}

pub(super) async fn stored_session(store: &Store, factory: &mut Factory, user: &User) -> Session {
    let session = factory.session(user);
    once!(store, sessions.insert(&session)).unwrap();
    session
}

async fn found(store: &Store, id: SessionId) -> Session {
    once!(store, sessions.find(HOME, id)).unwrap().unwrap()
}

async fn a_session_comes_back_as_it_was(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let mut session = factory.session(&user);
    session.assurance.amr = vec!["pwd".to_owned(), "otp".to_owned()];
    once!(store, sessions.insert(&session)).unwrap();
    assert!(same(&found(store, session.id).await, &session));
    session.last_seen_at = factory.now();
    session.idle_expires_at = Some(session.last_seen_at.plus(Duration::from_hours(1)));
    let noted = used(&session, session.last_seen_at);
    assert!(once!(store, sessions.touch(&noted)).unwrap());
    assert!(same(&found(store, session.id).await, &session));

    let mut bare = factory.session(&user);
    (bare.ip, bare.user_agent) = (None, None);
    once!(store, sessions.insert(&bare)).unwrap();
    assert!(same(&found(store, bare.id).await, &bare));
    let unknown = factory.session(&user);
    assert!(once!(store, sessions.find(HOME, unknown.id)).unwrap().is_none());
}

fn used(session: &Session, at: Timestamp) -> Used {
    Used {
        organization_id: session.organization_id,
        session_id: session.id,
        aal: session.assurance.aal,
        at,
        idle_expires_at: Some(at.plus(Duration::from_hours(1))),
        unless_since: at,
    }
}

async fn a_use_is_noted_while_the_session_lives(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let session = stored_session(store, factory, &user).await;
    let at = factory.now().plus(Duration::from_mins(5));
    let early = Used {
        unless_since: session.last_seen_at.minus(Duration::from_micros(1)),
        ..used(&session, at)
    };
    let other_level = Used {
        aal: Aal::Aal2,
        ..used(&session, at)
    };
    let other_tenant = Used {
        organization_id: NEIGHBOUR,
        ..used(&session, at)
    };
    let unknown = Used {
        session_id: SessionId::from_uuid(factory.id()),
        ..used(&session, at)
    };
    let too_late = used(&session, session.expires_at);
    for refused in [early, other_level, other_tenant, unknown, too_late] {
        assert!(!once!(store, sessions.touch(&refused)).unwrap(), "{refused:?}");
    }
    assert!(same(&found(store, session.id).await, &session));
    assert!(once!(store, sessions.touch(&used(&session, at))).unwrap());
    let status = store.session_status(session.id).await.unwrap().unwrap();
    let end = at.plus(Duration::from_hours(1));
    assert_eq!((status.last_seen_at, status.idle_expires_at), (at, Some(end)));
    assert!(
        !once!(store, sessions.touch(&used(&session, end))).unwrap(),
        "it was idle by then"
    );
    once!(store, sessions.revoke(HOME, session.id, "logout", None, at)).unwrap();
    let later = at.plus(Duration::from_mins(5));
    assert!(
        !once!(store, sessions.touch(&used(&session, later))).unwrap(),
        "it was ended"
    );
}

async fn a_cookie_is_replaced(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let tokens = stored_session(store, factory, &user).await.id;
    let mut session = factory.session(&user);
    let (first, second) = (TokenHash(factory.bytes()), TokenHash(factory.bytes()));
    session.cookie = Some(first);
    once!(store, sessions.insert(&session)).unwrap();
    assert!(same(&found(store, session.id).await, &session));
    let status = async || store.session_status(session.id).await.unwrap().unwrap();
    assert_eq!(status().await.cookie, Some(first));
    let now = factory.now();
    assert!(!once!(store, sessions.rekey(NEIGHBOUR, session.id, &second, now)).unwrap());
    assert!(!once!(store, sessions.rekey(HOME, tokens, &second, now)).unwrap());
    assert!(once!(store, sessions.rekey(HOME, session.id, &second, now)).unwrap());
    assert_eq!(status().await.cookie, Some(second));
    assert_eq!(
        once!(store, sessions.with_cookie(HOME, user.id)).unwrap(),
        [session.id]
    );
    assert!(
        once!(store, sessions.with_cookie(NEIGHBOUR, user.id))
            .unwrap()
            .is_empty()
    );
    once!(store, sessions.revoke(HOME, session.id, "logout", None, now)).unwrap();
    assert!(!once!(store, sessions.rekey(HOME, session.id, &first, now)).unwrap());
    assert!(
        once!(store, sessions.with_cookie(HOME, user.id))
            .unwrap()
            .is_empty()
    );
    assert_eq!(status().await.cookie, Some(second));
}

async fn a_session_moves_once_and_settles(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let mut session = factory.session(&user);
    session.previous_login_at = Some(factory.now());
    once!(store, sessions.insert(&session)).unwrap();
    assert!(same(&found(store, session.id).await, &session));
    let status = async || store.session_status(session.id).await.unwrap().unwrap().settled;
    assert_eq!(status().await, session.settled);
    let at = factory.now();
    assert!(!once!(store, sessions.mark_moved(NEIGHBOUR, session.id, at)).unwrap());
    assert!(once!(store, sessions.mark_moved(HOME, session.id, at)).unwrap());
    assert!(
        !once!(store, sessions.mark_moved(HOME, session.id, factory.now())).unwrap(),
        "once"
    );
    assert_eq!(status().await.moved_at, Some(at));
    let there = Place {
        network: factory.bytes(),
        agent: factory.bytes(),
    };
    once!(store, sessions.settle(NEIGHBOUR, session.id, &there)).unwrap();
    assert_eq!(status().await.moved_at, Some(at));
    once!(store, sessions.settle(HOME, session.id, &there)).unwrap();
    let settled = Settled {
        place: Some(there),
        moved_at: None,
    };
    assert_eq!(status().await, settled);
    once!(store, sessions.revoke(HOME, session.id, "logout", None, at)).unwrap();
    assert!(!once!(store, sessions.mark_moved(HOME, session.id, at)).unwrap());
}

async fn what_is_idle_is_over(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(stored_session(store, factory, &user).await.id);
    }
    let mut idle = factory.session(&user);
    let end = factory.now().plus(Duration::from_hours(1));
    idle.idle_expires_at = Some(end);
    once!(store, sessions.insert(&idle)).unwrap();
    let just_before = end.minus(Duration::from_micros(1));
    let status = store.session_status(idle.id).await.unwrap().unwrap();
    assert!(status.is_live(just_before) && !status.is_live(end));
    assert_eq!(
        once!(store, sessions.live_of(HOME, user.id, just_before))
            .unwrap()
            .len(),
        4
    );
    assert_eq!(
        once!(store, sessions.live_of(HOME, user.id, end)).unwrap().len(),
        3
    );

    let beyond = once!(store, sessions.beyond(HOME, user.id, 2, just_before)).unwrap();
    assert_eq!(beyond, [ids[1], ids[0]], "the newest two stay");
    assert_eq!(
        once!(store, sessions.beyond(HOME, user.id, 2, end)).unwrap(),
        [ids[0]]
    );
    assert!(
        once!(store, sessions.beyond(HOME, user.id, 4, end))
            .unwrap()
            .is_empty()
    );
    assert!(
        once!(store, sessions.beyond(NEIGHBOUR, user.id, 0, end))
            .unwrap()
            .is_empty()
    );
}

async fn a_new_proof_is_noted_while_the_session_lives(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let before = stored_session(store, factory, &user).await;
    let now = factory.now();
    let proved = Assurance {
        aal: Aal::Aal2,
        auth_time: now,
        amr: vec!["pwd".to_owned(), "otp".to_owned()],
    };
    let ends = Ends {
        expires_at: now.plus(Duration::from_hours(24)),
        idle_expires_at: Some(now.plus(Duration::from_hours(1))),
    };
    assert!(
        !once!(
            store,
            sessions.reauthenticate(NEIGHBOUR, before.id, &proved, ends, now)
        )
        .unwrap()
    );
    assert!(
        once!(
            store,
            sessions.reauthenticate(HOME, before.id, &proved, ends, now)
        )
        .unwrap()
    );
    let expected = Session {
        assurance: proved.clone(),
        last_seen_at: now,
        expires_at: ends.expires_at,
        idle_expires_at: ends.idle_expires_at,
        stamps: before.stamps.clone().changed(Some(user.id), now),
        ..before.clone()
    };
    assert!(same(&found(store, before.id).await, &expected));
    let status = store.session_status(before.id).await.unwrap().unwrap();
    assert_eq!(status.assurance, proved);
    once!(store, sessions.revoke(HOME, before.id, "logout", None, now)).unwrap();
    assert!(
        !once!(
            store,
            sessions.reauthenticate(HOME, before.id, &before.assurance, ends, now)
        )
        .unwrap()
    );
    assert_eq!(found(store, before.id).await.assurance, proved);
}

async fn live_sessions_are_listed_newest_first(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(stored_session(store, factory, &user).await.id);
    }
    let mut expired = factory.session(&user);
    let now = factory.now();
    expired.expires_at = now;
    once!(store, sessions.insert(&expired)).unwrap();
    once!(store, sessions.revoke(HOME, ids[1], "logout", None, now)).unwrap();
    let other = stored_user(store, factory).await;
    stored_session(store, factory, &other).await;

    let live = once!(store, sessions.live_of(HOME, user.id, now)).unwrap();
    let listed: Vec<_> = live.iter().map(|session| session.id).collect();
    assert_eq!(listed, [ids[3], ids[2], ids[0]]);
    let just_before = now.minus(Duration::from_micros(1));
    let live = once!(store, sessions.live_of(HOME, user.id, just_before)).unwrap();
    assert_eq!(
        live.len(),
        4,
        "a session lives until the moment at which it expires"
    );
}

async fn a_list_has_an_end(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let mut newest = Vec::new();
    for _ in 0..103 {
        newest.push(stored_session(store, factory, &user).await.id);
    }
    newest.reverse();
    newest.truncate(100);
    let live = once!(store, sessions.live_of(HOME, user.id, factory.now())).unwrap();
    assert!(live.iter().map(|session| session.id).eq(newest));
}

async fn a_session_is_ended_once(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let session = stored_session(store, factory, &user).await;
    let at = factory.now();
    assert!(
        once!(
            store,
            sessions.revoke(HOME, session.id, "revoked", Some(user.id), at)
        )
        .unwrap()
    );
    assert!(
        !once!(
            store,
            sessions.revoke(HOME, session.id, "logout", None, factory.now())
        )
        .unwrap()
    );
    let ended = found(store, session.id).await;
    assert_eq!(
        (ended.revoked_at, ended.revoke_reason.as_deref()),
        (Some(at), Some("revoked"))
    );
    let unknown = SessionId::from_uuid(factory.id());
    assert!(!once!(store, sessions.revoke(HOME, unknown, "revoked", None, at)).unwrap());
}

async fn all_but_one_are_ended_with_their_families(store: &Store, factory: &mut Factory) {
    let (user, other) = (
        stored_user(store, factory).await,
        stored_user(store, factory).await,
    );
    let mut people = Vec::new();
    for owner in [&user, &user, &user, &other] {
        let session = stored_session(store, factory, owner).await;
        let (family, first) = factory.family(&session);
        once!(store, refresh.insert_family(&family, &first)).unwrap();
        people.push((session.id, first.hash));
    }
    let (kept, at) = (people[1].0, factory.now());
    let mut ended = once!(
        store,
        sessions.revoke_all(HOME, user.id, Some(kept), "revoked", None, at)
    )
    .unwrap();
    ended.sort_unstable();
    assert_eq!(ended, [people[0].0, people[2].0]);
    for (place, (id, token)) in people.iter().enumerate() {
        let expected = (place == 0 || place == 2).then_some(at);
        assert_eq!(found(store, *id).await.revoked_at, expected);
        let (_, family) = once!(store, refresh.find(token)).unwrap().unwrap();
        assert_eq!(family.revoked_at, expected);
    }
    let rest = once!(
        store,
        sessions.revoke_all(HOME, user.id, None, "revoked", None, at)
    )
    .unwrap();
    assert_eq!(rest, [kept]);
    let none = once!(
        store,
        sessions.revoke_all(HOME, user.id, None, "revoked", None, at)
    )
    .unwrap();
    assert!(none.is_empty());
}

async fn the_status_follows_session_user_and_roles(store: &Store, factory: &mut Factory) {
    assert!(
        store
            .session_status(SessionId::from_uuid(factory.id()))
            .await
            .unwrap()
            .is_none()
    );
    let user = stored_user(store, factory).await;
    let session = stored_session(store, factory, &user).await;
    let now = factory.now();
    let status = async || store.session_status(session.id).await.unwrap().unwrap();

    let fresh = status().await;
    assert!(fresh.is_live(now) && !fresh.is_live(session.expires_at));
    assert_eq!(
        (fresh.id, fresh.user_id, fresh.organization_id),
        (session.id, user.id, HOME)
    );
    assert_eq!(fresh.assurance, session.assurance);
    assert!(fresh.roles.is_empty());
    let roles = ["auditor".to_owned(), "user".to_owned()];
    once!(store, roles.assign(HOME, user.id, &roles, None, now)).unwrap();
    assert_eq!(status().await.roles, roles);

    let user = user.changed(None, now).end_sessions();
    once!(store, users.update(&user)).unwrap();
    let outdated = status().await;
    assert_eq!((outdated.session_epoch, outdated.user_epoch), (0, 1));
    assert!(!outdated.is_live(now));
    let user = user.lock(None, now).unwrap();
    once!(store, users.update(&user)).unwrap();
    assert_eq!(status().await.user_status, UserStatus::Locked);
    once!(store, users.update(&user.delete(None, now))).unwrap();
    assert!(status().await.user_deleted);
    once!(store, sessions.revoke(HOME, session.id, "logout", None, now)).unwrap();
    assert_eq!(status().await.revoked_at, Some(now));
}
