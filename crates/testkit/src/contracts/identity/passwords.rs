//! Passwords that are good beside a second factor only, and those that were replaced.

use std::time::Duration;

use vutf_identity::{User, password::PastPassword, repo::PasswordRecord};
use vutf_kernel::PastPasswordId;

use super::{super::NEIGHBOUR, HOME, Store, stored_user};
use crate::factory::Factory;

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    what_it_is_good_for_is_read_as_it_was_put(store, factory).await;
    those_before_are_read_newest_first(store, factory).await;
    those_before_are_forgotten_but_the_newest(store, factory).await;
}

async fn what_it_is_good_for_is_read_as_it_was_put(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let plain = factory.password(&user);
    for (beside_factor, must_change_at) in [
        (true, None),
        (true, Some(factory.now())),
        (false, None),
        (true, None),
    ] {
        let record = PasswordRecord {
            beside_factor,
            must_change_at,
            ..plain.clone()
        };
        once!(store, passwords.put(&record)).unwrap();
        let found = once!(store, passwords.find(HOME, user.id)).unwrap().unwrap();
        assert_eq!(
            (found.beside_factor, found.must_change_at),
            (beside_factor, must_change_at)
        );
        assert!(found.phc == plain.phc);
    }
}

/// Oldest first.
async fn planted(store: &Store, factory: &mut Factory, user: &User, count: u64) -> Vec<PastPassword> {
    let mut all = Vec::new();
    for number in 0..count {
        let past = PastPassword {
            id: PastPasswordId::from_uuid(factory.id()),
            organization_id: user.organization_id,
            user_id: user.id,
            phc: factory.password(user).phc,
            replaced_at: factory.now().plus(Duration::from_micros(number)),
        };
        once!(store, passwords.remember(&past)).unwrap();
        all.push(past);
    }
    all
}

async fn read(store: &Store, user: &User, limit: u32) -> Vec<PastPassword> {
    once!(store, passwords.past(HOME, user.id, limit)).unwrap()
}

fn same(one: &[PastPassword], two: &[PastPassword]) -> bool {
    let equal = |(one, two): (&PastPassword, &PastPassword)| {
        one.id == two.id
            && one.phc == two.phc
            && one.replaced_at == two.replaced_at
            && (one.organization_id, one.user_id) == (two.organization_id, two.user_id)
    };
    one.len() == two.len() && one.iter().zip(two).all(equal)
}

async fn those_before_are_read_newest_first(store: &Store, factory: &mut Factory) {
    let (user, other) = (
        stored_user(store, factory).await,
        stored_user(store, factory).await,
    );
    assert!(read(store, &user, 24).await.is_empty());
    let mut all = planted(store, factory, &user, 5).await;
    let theirs = planted(store, factory, &other, 1).await;
    all.reverse();
    assert!(same(&read(store, &user, 24).await, &all));
    assert!(same(&read(store, &user, 2).await, &all[..2]));
    assert!(same(&read(store, &other, 24).await, &theirs));
    let elsewhere = once!(store, passwords.past(NEIGHBOUR, user.id, 24)).unwrap();
    assert!(elsewhere.is_empty());
}

async fn those_before_are_forgotten_but_the_newest(store: &Store, factory: &mut Factory) {
    let (user, other) = (
        stored_user(store, factory).await,
        stored_user(store, factory).await,
    );
    let mut all = planted(store, factory, &user, 5).await;
    all.reverse();
    planted(store, factory, &other, 1).await;
    assert_eq!(
        once!(store, passwords.forget_past(NEIGHBOUR, user.id, 0)).unwrap(),
        0
    );
    assert_eq!(once!(store, passwords.forget_past(HOME, user.id, 3)).unwrap(), 2);
    assert!(same(&read(store, &user, 24).await, &all[..3]));
    // The password itself goes alone.
    once!(store, passwords.put(&factory.password(&user))).unwrap();
    assert_eq!(once!(store, passwords.remove(HOME, user.id)).unwrap(), 1);
    assert_eq!(read(store, &user, 24).await.len(), 3);
    assert_eq!(once!(store, passwords.forget_past(HOME, user.id, 0)).unwrap(), 3);
    assert_eq!(once!(store, passwords.forget_past(HOME, user.id, 0)).unwrap(), 0);
    assert_eq!(read(store, &other, 24).await.len(), 1);
}
