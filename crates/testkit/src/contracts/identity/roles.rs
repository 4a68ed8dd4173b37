//! Roles, and the bootstrap secret.

use vutf_identity::refresh::TokenHash;

use super::{HOME, Store, sessions::stored_session, stored_user};
use crate::factory::Factory;

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    roles_are_replaced_as_a_whole(store, factory).await;
    a_role_that_stays_was_given_when_it_was_given(store, factory).await;
    only_active_users_count_as_holders(store, factory).await;
    the_bootstrap_secret_can_be_replaced_until_it_is_used(store, factory).await;
}

pub(super) fn names(roles: &[&str]) -> Vec<String> {
    roles.iter().map(|role| (*role).to_owned()).collect()
}

async fn roles_are_replaced_as_a_whole(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    assert!(once!(store, roles.of_user(HOME, user.id)).unwrap().is_empty());
    for roles in [&["user", "auditor", "admin"][..], &["user"], &[]] {
        let at = factory.now();
        once!(
            store,
            roles.assign(HOME, user.id, &names(roles), Some(user.id), at)
        )
        .unwrap();
        let mut sorted = names(roles);
        sorted.sort_unstable();
        assert_eq!(once!(store, roles.of_user(HOME, user.id)).unwrap(), sorted);
    }
}

async fn a_role_that_stays_was_given_when_it_was_given(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let session = stored_session(store, factory, &user).await;
    let (first, second) = (factory.now(), factory.now());
    for (roles, at) in [(&["auditor", "user"][..], first), (&["admin", "auditor"], second)] {
        once!(store, roles.assign(HOME, user.id, &names(roles), None, at)).unwrap();
    }
    let status = store.session_status(session.id).await.unwrap().unwrap();
    assert_eq!(status.roles, names(&["admin", "auditor"]));
    assert_eq!(status.roles_since, [second, first]);
}

async fn only_active_users_count_as_holders(store: &Store, factory: &mut Factory) {
    let role = names(&["counted"]);
    let mut people = Vec::new();
    for _ in 0..4 {
        let user = stored_user(store, factory).await;
        once!(store, roles.assign(HOME, user.id, &role, None, factory.now())).unwrap();
        people.push(user);
    }
    let holders = async || once!(store, roles.holders(HOME, "counted")).unwrap();
    assert_eq!(holders().await, 4);
    let now = factory.now();
    let locked = people.remove(0).lock(None, now).unwrap();
    once!(store, users.update(&locked)).unwrap();
    assert_eq!(holders().await, 3);
    let deleted = people.remove(0).delete(None, now);
    once!(store, users.update(&deleted)).unwrap();
    assert_eq!(holders().await, 2);
    once!(store, roles.assign(HOME, people[0].id, &[], None, now)).unwrap();
    assert_eq!(holders().await, 1);
    let listed = async |limit| once!(store, roles.list_holders(HOME, "counted", limit)).unwrap();
    assert_eq!(listed(9).await, [people[1].id]);
    once!(store, roles.assign(HOME, people[0].id, &role, None, now)).unwrap();
    let mut both = [people[0].id, people[1].id];
    both.sort_unstable();
    assert_eq!(
        (listed(9).await, listed(1).await),
        (both.to_vec(), both[..1].to_vec())
    );
    assert_eq!(once!(store, roles.holders(HOME, "count")).unwrap(), 0);
}

/// Leaves an unused secret behind: using it up is for the race.
async fn the_bootstrap_secret_can_be_replaced_until_it_is_used(store: &Store, factory: &mut Factory) {
    assert!(once!(store, bootstrap.find(HOME)).unwrap().is_none());
    let (first, second) = (TokenHash(factory.bytes()), TokenHash(factory.bytes()));
    let at = factory.now();
    assert!(
        !once!(store, bootstrap.consume(HOME, &first, at)).unwrap(),
        "there is none"
    );
    for token in [&first, &second] {
        assert!(once!(store, bootstrap.put(HOME, token, at)).unwrap());
        let record = once!(store, bootstrap.find(HOME)).unwrap().unwrap();
        assert_eq!((record.token, record.used_at), (*token, None));
    }
    assert!(
        !once!(store, bootstrap.consume(HOME, &first, at)).unwrap(),
        "it was replaced"
    );
}
