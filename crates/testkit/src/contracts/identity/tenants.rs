//! Nothing of one tenant is seen or changed through another.

use vutf_identity::{
    guard::{GuardKey, GuardState},
    repo::UserFilter,
};
use vutf_kernel::{Fault, PageRequest};

use super::{
    super::NEIGHBOUR,
    HOME, Store,
    roles::names,
    sessions::stored_session,
    stored_user,
    users::{by_email, by_username},
};
use crate::factory::Factory;

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    reading_across_finds_nothing(store, factory).await;
    writing_across_changes_nothing(store, factory).await;
    counters_are_apart(store, factory).await;
}

async fn reading_across_finds_nothing(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let session = stored_session(store, factory, &user).await;
    let now = factory.now();
    once!(store, passwords.put(&factory.password(&user))).unwrap();
    once!(store, roles.assign(HOME, user.id, &names(&["apart"]), None, now)).unwrap();

    assert_eq!(once!(store, users.find(NEIGHBOUR, user.id)).unwrap(), None);
    assert_eq!(
        once!(store, users.find_with_deleted(NEIGHBOUR, user.id)).unwrap(),
        None
    );
    for name in [by_username(&user), by_email(&user)] {
        assert_eq!(once!(store, users.find_by_login(NEIGHBOUR, &name)).unwrap(), None);
    }
    let (all, page) = (
        UserFilter::default(),
        PageRequest {
            after: None,
            limit: 100,
        },
    );
    let listed = once!(store, users.list(NEIGHBOUR, &all, &page)).unwrap();
    assert!(
        listed
            .items
            .iter()
            .all(|other| other.organization_id == NEIGHBOUR)
    );
    assert!(
        once!(store, passwords.find(NEIGHBOUR, user.id))
            .unwrap()
            .is_none()
    );
    assert!(
        once!(store, sessions.find(NEIGHBOUR, session.id))
            .unwrap()
            .is_none()
    );
    assert!(
        once!(store, sessions.live_of(NEIGHBOUR, user.id, now))
            .unwrap()
            .is_empty()
    );
    assert!(
        once!(store, roles.of_user(NEIGHBOUR, user.id))
            .unwrap()
            .is_empty()
    );
    assert_eq!(once!(store, roles.holders(NEIGHBOUR, "apart")).unwrap(), 0);
    assert!(once!(store, bootstrap.find(NEIGHBOUR)).unwrap().is_none());
}

async fn writing_across_changes_nothing(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let session = stored_session(store, factory, &user).await;
    let now = factory.now();
    let roles = names(&["apart"]);
    once!(store, roles.assign(HOME, user.id, &roles, None, now)).unwrap();

    let mut stolen = user.clone().changed(None, now);
    stolen.organization_id = NEIGHBOUR;
    assert_eq!(
        once!(store, users.update(&stolen)).unwrap_err().fault,
        Fault::Stale
    );
    assert!(
        !once!(
            store,
            sessions.revoke(NEIGHBOUR, session.id, "revoked", None, now)
        )
        .unwrap()
    );
    let ended = once!(
        store,
        sessions.revoke_all(NEIGHBOUR, user.id, None, "revoked", None, now)
    )
    .unwrap();
    assert!(ended.is_empty());
    once!(store, roles.assign(NEIGHBOUR, user.id, &[], None, now)).unwrap();

    assert_eq!(
        once!(store, users.find(HOME, user.id)).unwrap().as_ref(),
        Some(&user)
    );
    let status = store.session_status(session.id).await.unwrap().unwrap();
    assert!(status.is_live(now));
    assert_eq!(status.roles, roles);
}

async fn counters_are_apart(store: &Store, factory: &mut Factory) {
    let key = GuardKey::password_of(stored_user(store, factory).await.id);
    let now = factory.now();
    let raised = GuardState {
        failures: 3,
        blocked_until: Some(now),
    };
    once!(store, guards.put(HOME, &key, &raised, now)).unwrap();
    assert_eq!(once!(store, guards.lock(HOME, &key, now)).unwrap(), raised);
    assert_eq!(
        once!(store, guards.lock(NEIGHBOUR, &key, now)).unwrap(),
        GuardState::CLEAR
    );
    let other = GuardKey {
        authenticator: "totp",
        ..key.clone()
    };
    assert_eq!(
        once!(store, guards.lock(HOME, &other, now)).unwrap(),
        GuardState::CLEAR
    );
    once!(store, guards.put(HOME, &key, &GuardState::CLEAR, now)).unwrap();
    assert_eq!(
        once!(store, guards.lock(HOME, &key, now)).unwrap(),
        GuardState::CLEAR
    );
}
