//! Users and their passwords.

use vutf_identity::{Email, LoginName, User, UserStatus, Username, repo::UserFilter};
use vutf_kernel::{Fault, PageRequest, Stamps, UserId};

use super::{super::NEIGHBOUR, HOME, Store, begin, stored_user};
use crate::factory::Factory;

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    a_user_is_found_by_id_and_by_each_name_in_any_case(store, factory).await;
    a_name_is_taken_once_in_a_tenant(store, factory).await;
    an_update_meets_its_version(store, factory).await;
    a_soft_delete_frees_the_names(store, factory).await;
    a_sign_in_is_noted_without_a_new_version(store, factory).await;
    pages_are_in_order_and_meet(store, factory).await;
    a_password_is_put_and_replaced(store, factory).await;
    who_is_erased_is_nowhere_and_frees_the_names(store, factory).await;
    what_is_not_committed_is_not_there(store, factory).await;
}

pub(super) fn by_username(user: &User) -> LoginName {
    LoginName::Username(user.username.clone())
}

pub(super) fn by_email(user: &User) -> LoginName {
    LoginName::Email(user.email.clone())
}

fn shout(text: &str) -> String {
    text.to_uppercase()
}

async fn a_user_is_found_by_id_and_by_each_name_in_any_case(store: &Store, factory: &mut Factory) {
    let full = stored_user(store, factory).await;
    let mut bare = factory.user();
    (bare.display_name, bare.phone, bare.email_verified_at) = (None, None, None);
    bare.status = UserStatus::Unverified;
    once!(store, users.insert(&bare)).unwrap();
    for user in [&full, &bare] {
        let found = once!(store, users.find(HOME, user.id)).unwrap();
        assert_eq!(found.as_ref(), Some(user));
        let name = user.username.expose();
        let address = user.email.expose();
        let names = [
            by_username(user),
            by_email(user),
            LoginName::Username(Username::from_store(shout(name))),
            LoginName::Username(Username::from_store(name.to_lowercase())),
            LoginName::Email(Email::from_store(shout(address))),
            LoginName::Email(Email::from_store(address.to_lowercase())),
        ];
        for name in names {
            let found = once!(store, users.find_by_login(HOME, &name)).unwrap();
            assert_eq!(
                found.as_ref(),
                Some(user),
                "and the names come back as they were given"
            );
        }
    }
    let stranger = factory.user();
    assert_eq!(once!(store, users.find(HOME, stranger.id)).unwrap(), None);
    for name in [by_username(&stranger), by_email(&stranger), LoginName::Unknown] {
        assert_eq!(once!(store, users.find_by_login(HOME, &name)).unwrap(), None);
    }
}

async fn a_name_is_taken_once_in_a_tenant(store: &Store, factory: &mut Factory) {
    let first = stored_user(store, factory).await;
    let mut namesake = factory.user();
    namesake.username = Username::from_store(shout(first.username.expose()));
    let mut housemate = factory.user();
    housemate.email = Email::from_store(shout(first.email.expose()));
    for second in [&namesake, &housemate] {
        let refused = once!(store, users.insert(second)).unwrap_err();
        assert_eq!(refused.fault, Fault::Duplicate);
        assert_eq!(once!(store, users.find(HOME, second.id)).unwrap(), None);
    }
    let mut elsewhere = factory.user();
    elsewhere.organization_id = NEIGHBOUR;
    elsewhere.username = first.username.clone();
    elsewhere.email = first.email.clone();
    once!(store, users.insert(&elsewhere)).expect("names are unique within a tenant only");
    let found = once!(store, users.find_by_login(HOME, &by_email(&first))).unwrap();
    assert_eq!(found, Some(first));
    let found = once!(store, users.find_by_login(NEIGHBOUR, &by_email(&elsewhere))).unwrap();
    assert_eq!(found, Some(elsewhere));
}

async fn an_update_meets_its_version(store: &Store, factory: &mut Factory) {
    let (taken, user) = (
        stored_user(store, factory).await,
        stored_user(store, factory).await,
    );
    let mut next = user.clone().changed(Some(taken.id), factory.now()).end_sessions();
    let renamed = factory.user();
    (next.username, next.email, next.display_name) = (renamed.username, renamed.email, None);
    once!(store, users.update(&next)).unwrap();
    assert_eq!(
        once!(store, users.find(HOME, user.id)).unwrap().as_ref(),
        Some(&next)
    );
    assert_eq!(
        once!(store, users.find_by_login(HOME, &by_username(&user))).unwrap(),
        None
    );

    let late = user.clone().changed(None, factory.now());
    assert_eq!(once!(store, users.update(&late)).unwrap_err().fault, Fault::Stale);
    let stranger = factory.user().changed(None, factory.now());
    assert_eq!(
        once!(store, users.update(&stranger)).unwrap_err().fault,
        Fault::Stale
    );
    let mut clash = next.clone().changed(None, factory.now());
    clash.email = taken.email;
    assert_eq!(
        once!(store, users.update(&clash)).unwrap_err().fault,
        Fault::Duplicate
    );
    assert_eq!(
        once!(store, users.find(HOME, user.id)).unwrap(),
        Some(next),
        "a refused update changes nothing"
    );
}

async fn a_soft_delete_frees_the_names(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let deleted = user.clone().delete(Some(user.id), factory.now());
    once!(store, users.update(&deleted)).unwrap();
    assert_eq!(once!(store, users.find(HOME, user.id)).unwrap(), None);
    assert_eq!(
        once!(store, users.find_by_login(HOME, &by_email(&user))).unwrap(),
        None
    );
    let found = once!(store, users.find_with_deleted(HOME, user.id)).unwrap();
    assert_eq!(found.as_ref(), Some(&deleted));

    let heir = User {
        id: factory.user().id,
        ..user.clone()
    };
    once!(store, users.insert(&heir)).expect("the names are free");
    let restored = deleted.restore(None, factory.now()).unwrap();
    assert_eq!(
        once!(store, users.update(&restored)).unwrap_err().fault,
        Fault::Duplicate
    );
    let gone = heir.delete(None, factory.now());
    once!(store, users.update(&gone)).unwrap();
    once!(store, users.update(&restored)).expect("the names are free again");
    assert_eq!(once!(store, users.find(HOME, user.id)).unwrap(), Some(restored));
}

async fn a_sign_in_is_noted_without_a_new_version(store: &Store, factory: &mut Factory) {
    let mut user = stored_user(store, factory).await;
    let at = factory.now();
    once!(store, users.note_login(user.id, at)).unwrap();
    (user.last_login_at, user.last_seen_at) = (Some(at), Some(at));
    assert_eq!(once!(store, users.find(HOME, user.id)).unwrap(), Some(user));
}

async fn pages_are_in_order_and_meet(store: &Store, factory: &mut Factory) {
    let mut added = Vec::new();
    for number in 0..17 {
        let mut user = factory.user();
        if number % 3 == 0 {
            user.status = UserStatus::Disabled;
        }
        once!(store, users.insert(&user)).unwrap();
        added.push(user);
    }
    let gone = added.remove(1).delete(None, factory.now());
    once!(store, users.update(&gone)).unwrap();

    let everyone = all_pages(store, None, 4).await;
    assert!(everyone.is_sorted_by(|a, b| a.id < b.id));
    assert!(added.iter().all(|user| everyone.contains(user)));
    assert!(
        everyone
            .iter()
            .all(|user| user.id != gone.id && user.organization_id == HOME)
    );
    let disabled = all_pages(store, Some(UserStatus::Disabled), 2).await;
    let expected: Vec<User> = everyone
        .iter()
        .filter(|user| user.status == UserStatus::Disabled)
        .cloned()
        .collect();
    assert_eq!(disabled, expected);
    let after_the_end = PageRequest {
        after: everyone.last().map(|user| user.id.as_uuid()),
        limit: 5,
    };
    let page = once!(store, users.list(HOME, &UserFilter::default(), &after_the_end)).unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
}

async fn all_pages(store: &Store, status: Option<UserStatus>, limit: u16) -> Vec<User> {
    let filter = UserFilter {
        status,
        ..UserFilter::default()
    };
    let mut users = Vec::new();
    let mut after = None;
    loop {
        let request = PageRequest { after, limit };
        let page = once!(store, users.list(HOME, &filter, &request)).unwrap();
        assert!(page.items.len() <= usize::from(limit));
        assert!(page.next.is_none() || page.items.len() == usize::from(limit));
        users.extend(page.items);
        after = page.next;
        if after.is_none() {
            return users;
        }
    }
}

async fn a_password_is_put_and_replaced(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    assert!(once!(store, passwords.find(HOME, user.id)).unwrap().is_none());
    let mut made = None;
    for version in 1..=2 {
        let record = factory.password(&user);
        once!(store, passwords.put(&record)).unwrap();
        let found = once!(store, passwords.find(HOME, user.id)).unwrap().unwrap();
        assert_eq!(found.phc.expose(), record.phc.expose());
        assert_eq!((found.user_id, found.changed_at), (user.id, record.changed_at));
        let first = made.get_or_insert_with(|| record.stamps.clone());
        let expected = Stamps {
            created_at: first.created_at,
            created_by: first.created_by,
            version,
            ..record.stamps
        };
        assert_eq!(found.stamps, expected);
    }
}

async fn who_is_erased_is_nowhere_and_frees_the_names(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let (session, password) = (factory.session(&user), factory.password(&user));
    once!(store, sessions.insert(&session)).unwrap();
    once!(store, passwords.put(&password)).unwrap();
    let at = factory.now();
    assert!(!once!(store, users.erase(NEIGHBOUR, user.id, None, at)).unwrap());
    assert!(once!(store, users.erase(HOME, user.id, None, at)).unwrap());
    assert!(
        !once!(store, users.erase(HOME, user.id, None, at)).unwrap(),
        "once"
    );
    for expected in [1, 0] {
        assert_eq!(once!(store, passwords.remove(HOME, user.id)).unwrap(), expected);
        assert_eq!(
            once!(store, sessions.forget_origins(HOME, user.id)).unwrap(),
            expected
        );
    }
    assert_eq!(once!(store, guards.remove_of(HOME, user.id)).unwrap(), 0);
    assert_eq!(
        once!(store, users.find_with_deleted(HOME, user.id)).unwrap(),
        None
    );
    for name in [by_username(&user), by_email(&user)] {
        assert_eq!(once!(store, users.find_by_login(HOME, &name)).unwrap(), None);
    }
    let emptied = once!(store, sessions.find(HOME, session.id)).unwrap().unwrap();
    assert_eq!((emptied.ip, emptied.user_agent), (None, None));
    assert_eq!(emptied.settled.place, None);
    let changed = user.clone().changed(None, at);
    let gone = once!(store, users.update(&changed)).unwrap_err();
    assert_eq!(gone.fault, Fault::Stale);
    let heir = User {
        username: user.username.clone(),
        email: user.email.clone(),
        ..factory.user()
    };
    once!(store, users.insert(&heir)).expect("the names are free");
    let deleted = heir.delete(None, factory.now());
    once!(store, users.update(&deleted)).unwrap();
    let at = factory.now();
    assert!(
        once!(store, users.erase(HOME, deleted.id, None, at)).unwrap(),
        "deleted before or not"
    );
}

async fn what_is_not_committed_is_not_there(store: &Store, factory: &mut Factory) {
    let people: [User; 2] = [factory.user(), factory.user()];
    let mut tx = begin(store).await;
    tx.users().insert(&people[0]).await.unwrap();
    assert!(tx.users().find(HOME, people[0].id).await.unwrap().is_some());
    tx.events().append(factory.event()).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = begin(store).await;
    tx.users().insert(&people[1]).await.unwrap();
    drop(tx);
    for person in &people {
        let id: UserId = person.id;
        assert_eq!(once!(store, users.find_with_deleted(HOME, id)).unwrap(), None);
        once!(store, users.insert(person)).expect("the names were never taken");
    }
}
