//! Who was there last, what persons agreed to, and who asked to be erased.

use std::time::Duration;

use vutf_identity::{
    User, UserStatus,
    consent::Consent,
    erasure_request::ErasureRequest,
    refresh::TokenHash,
    repo::{PasswordRecord, UserFilter},
    session::used::Used,
};
use vutf_kernel::{OrganizationId, PageRequest, Timestamp, UserId};

use super::{super::NEIGHBOUR, HOME, Store, race, same, sessions::stored_session, stored_user, winners};
use crate::factory::Factory;

const DAY: Duration = Duration::from_hours(24);

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    a_password_that_is_due_is_read_as_it_was_put(store, factory).await;
    sessions_are_freed_of_what_was_due(store, factory).await;
    whoever_was_not_there_is_idle(store, factory).await;
    a_use_of_a_session_is_a_sign_of_life(store, factory).await;
    a_list_shows_who_was_not_there(store, factory).await;
    consents_are_kept_once(store, factory).await;
    a_request_is_made_once_and_taken_back_once(store, factory).await;
    a_request_is_put_off_and_done_once(store, factory).await;
    one_of_many_makes_a_request(store, factory).await;
}

async fn a_password_that_is_due_is_read_as_it_was_put(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let plain = factory.password(&user);
    once!(store, passwords.put(&plain)).unwrap();
    for must_change_at in [Some(factory.now()), None] {
        let record = PasswordRecord {
            must_change_at,
            ..plain.clone()
        };
        once!(store, passwords.put(&record)).unwrap();
        let found = once!(store, passwords.find(HOME, user.id)).unwrap().unwrap();
        assert_eq!(found.must_change_at, must_change_at);
        assert!(found.phc == plain.phc && found.changed_at == plain.changed_at);
    }
}

async fn sessions_are_freed_of_what_was_due(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let mut session = factory.session(&user);
    session.password_due_at = Some(factory.now());
    once!(store, sessions.insert(&session)).unwrap();
    let found = once!(store, sessions.find(HOME, session.id)).unwrap().unwrap();
    assert!(same(&found, &session));
    let due = async || {
        let status = store.session_status(session.id).await.unwrap().unwrap();
        status.password_due_at
    };
    assert_eq!(due().await, session.password_due_at);
    once!(store, sessions.clear_password_due(NEIGHBOUR, user.id)).unwrap();
    assert_eq!(due().await, session.password_due_at);
    once!(store, sessions.clear_password_due(HOME, user.id)).unwrap();
    assert_eq!(due().await, None);
}

async fn is_idle(store: &Store, user: &User, before: Timestamp, told: Option<Timestamp>) -> bool {
    let idle = once!(store, presence.idle(before, told, 10_000)).unwrap();
    idle.contains(&(HOME, user.id))
}

async fn whoever_was_not_there_is_idle(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let made = user.stamps.created_at;
    let just_before = made.minus(Duration::from_micros(1));
    assert!(is_idle(store, &user, made, None).await);
    assert!(!is_idle(store, &user, just_before, None).await);
    let seen = made.plus(DAY);
    once!(store, users.note_login(user.id, seen)).unwrap();
    assert!(!is_idle(store, &user, made, None).await);
    assert!(is_idle(store, &user, seen, None).await);

    once!(store, presence.note_told(NEIGHBOUR, user.id, seen)).unwrap();
    assert!(
        is_idle(store, &user, seen, None).await,
        "the neighbour told nobody"
    );
    once!(store, presence.note_told(HOME, user.id, seen)).unwrap();
    assert!(!is_idle(store, &user, seen, None).await);
    assert!(is_idle(store, &user, seen, Some(seen)).await);
    assert!(!is_idle(store, &user, seen, Some(made)).await);
    once!(store, presence.forgive(HOME, user.id)).unwrap();
    assert!(is_idle(store, &user, seen, None).await);

    once!(store, presence.note_told(HOME, user.id, seen)).unwrap();
    once!(store, users.note_login(user.id, seen)).unwrap();
    assert!(
        is_idle(store, &user, seen, None).await,
        "a sign-in forgets the warning"
    );
    let found = once!(store, users.find(HOME, user.id)).unwrap().unwrap();
    assert_eq!(found.last_seen_at, Some(seen));
    let locked = found.lock(None, seen).unwrap();
    assert_eq!(locked.status, UserStatus::Locked);
    once!(store, users.update(&locked)).unwrap();
    assert!(
        !is_idle(store, &user, seen, None).await,
        "only active accounts are"
    );
    let found = once!(store, users.find(HOME, user.id)).unwrap().unwrap();
    assert_eq!(
        found.last_seen_at,
        Some(seen),
        "no change of the account hides it"
    );
}

async fn a_use_of_a_session_is_a_sign_of_life(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let session = stored_session(store, factory, &user).await;
    let at = session.last_seen_at.plus(Duration::from_mins(2));
    let noted = Used {
        organization_id: HOME,
        session_id: session.id,
        aal: session.assurance.aal,
        at,
        idle_expires_at: None,
        unless_since: at.minus(Duration::from_mins(1)),
    };
    once!(store, presence.note_told(HOME, user.id, at)).unwrap();
    assert!(once!(store, sessions.touch(&noted)).unwrap());
    let seen = async || {
        once!(store, users.find(HOME, user.id))
            .unwrap()
            .unwrap()
            .last_seen_at
    };
    assert_eq!(seen().await, Some(at));
    assert!(is_idle(store, &user, at, None).await, "the warning is forgotten");
    // Another session of theirs, within the same minute.
    let other = stored_session(store, factory, &user).await;
    let again = Used {
        session_id: other.id,
        at: at.plus(Duration::from_secs(30)),
        unless_since: at.minus(Duration::from_secs(30)),
        ..noted
    };
    assert!(once!(store, sessions.touch(&again)).unwrap());
    assert_eq!(
        seen().await,
        Some(at),
        "once a minute, whatever number of sessions"
    );
}

async fn a_list_shows_who_was_not_there(store: &Store, factory: &mut Factory) {
    let (never, lately) = (
        stored_user(store, factory).await,
        stored_user(store, factory).await,
    );
    let since = never.stamps.created_at.plus(DAY * 30);
    once!(store, users.note_login(lately.id, since)).unwrap();
    let filter = UserFilter {
        inactive_since: Some(since),
        ..UserFilter::default()
    };
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let part = PageRequest { after, limit: 100 };
        let listed = once!(store, users.list(HOME, &filter, &part)).unwrap();
        found.extend(listed.items.into_iter().map(|user| user.id));
        match listed.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert!(found.contains(&never.id) && !found.contains(&lately.id));
}

async fn consents_are_kept_once(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let first = Consent {
        organization_id: HOME,
        user_id: user.id,
        document: "system_use".to_owned(),
        version: "1".to_owned(),
        accepted_at: factory.now(),
    };
    let again = Consent {
        accepted_at: first.accepted_at.plus(DAY),
        ..first.clone()
    };
    let second = Consent {
        version: "2".to_owned(),
        ..again.clone()
    };
    assert!(once!(store, consents.put(&first)).unwrap());
    assert!(!once!(store, consents.put(&again)).unwrap());
    assert!(once!(store, consents.put(&second)).unwrap());
    let found = once!(store, consents.of_user(HOME, user.id)).unwrap();
    assert_eq!(found, [first, second]);
    assert_eq!(once!(store, consents.of_user(NEIGHBOUR, user.id)).unwrap(), []);
    assert_eq!(once!(store, consents.remove_of(NEIGHBOUR, user.id)).unwrap(), 0);
    assert_eq!(once!(store, consents.remove_of(HOME, user.id)).unwrap(), 2);
    assert_eq!(once!(store, consents.of_user(HOME, user.id)).unwrap(), []);
}

fn request(factory: &mut Factory, user: UserId) -> ErasureRequest {
    let now = factory.now();
    ErasureRequest {
        organization_id: HOME,
        user_id: user,
        receipt: TokenHash(factory.bytes()),
        requested_at: now,
        due_at: now.plus(DAY * 7),
        done_at: None,
    }
}

async fn found(store: &Store, organization: OrganizationId, user: UserId) -> Option<ErasureRequest> {
    once!(store, erasure_requests.find(organization, user)).unwrap()
}

async fn a_request_is_made_once_and_taken_back_once(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await.id;
    let (first, second) = (request(factory, user), request(factory, user));
    assert!(once!(store, erasure_requests.put(&first)).unwrap());
    assert!(!once!(store, erasure_requests.put(&second)).unwrap());
    assert_eq!(found(store, HOME, user).await.as_ref(), Some(&first));
    assert_eq!(found(store, NEIGHBOUR, user).await, None);
    let by = once!(store, erasure_requests.by_receipt(HOME, &first.receipt)).unwrap();
    assert_eq!(by.as_ref(), Some(&first));
    for (organization, receipt) in [(NEIGHBOUR, first.receipt), (HOME, second.receipt)] {
        let by = once!(store, erasure_requests.by_receipt(organization, &receipt)).unwrap();
        assert_eq!(by, None);
    }
    assert!(!once!(store, erasure_requests.remove(NEIGHBOUR, user)).unwrap());
    assert!(once!(store, erasure_requests.remove(HOME, user)).unwrap());
    assert!(!once!(store, erasure_requests.remove(HOME, user)).unwrap());
    assert!(once!(store, erasure_requests.put(&second)).unwrap());
}

async fn a_request_is_put_off_and_done_once(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await.id;
    let made = request(factory, user);
    once!(store, erasure_requests.put(&made)).unwrap();
    let due = async |at: Timestamp| {
        let due = once!(store, erasure_requests.due(at, 10_000)).unwrap();
        due.into_iter().filter(|request| request.user_id == user).count()
    };
    assert_eq!(due(made.due_at.minus(Duration::from_micros(1))).await, 0);
    assert_eq!(due(made.due_at).await, 1);
    let later = made.due_at.plus(DAY);
    assert!(!once!(store, erasure_requests.postpone(NEIGHBOUR, user, later)).unwrap());
    assert!(once!(store, erasure_requests.postpone(HOME, user, later)).unwrap());
    assert_eq!((due(made.due_at).await, due(later).await), (0, 1));

    assert!(!once!(store, erasure_requests.finish(NEIGHBOUR, user, later)).unwrap());
    assert!(once!(store, erasure_requests.finish(HOME, user, later)).unwrap());
    assert!(!once!(store, erasure_requests.finish(HOME, user, later)).unwrap());
    assert!(!once!(store, erasure_requests.postpone(HOME, user, later)).unwrap());
    assert!(!once!(store, erasure_requests.remove(HOME, user)).unwrap());
    assert_eq!(due(later).await, 0);
    let done = once!(store, erasure_requests.by_receipt(HOME, &made.receipt)).unwrap();
    let done = done.unwrap();
    assert_eq!((done.due_at, done.done_at), (later, Some(later)));
}

async fn one_of_many_makes_a_request(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await.id;
    let made = request(factory, user);
    let answers = race(store, move |racer, tx| {
        let mut request = made.clone();
        request.receipt.0[0] = u8::try_from(racer).unwrap_or_default();
        Box::pin(async move { tx.erasure_requests().put(&request).await })
    })
    .await;
    assert_eq!(winners(&answers), 1);
}
