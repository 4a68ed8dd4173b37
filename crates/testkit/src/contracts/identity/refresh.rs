//! Refresh-token families.

use vutf_identity::refresh::{RefreshFamily, RefreshToken, TokenHash};

use super::{Store, same, sessions::stored_session, stored_user};
use crate::factory::Factory;

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    a_head_moves_once(store, factory).await;
    an_ended_family_stands_still(store, factory).await;
}

pub(super) async fn stored_family(store: &Store, factory: &mut Factory) -> (RefreshFamily, RefreshToken) {
    let user = stored_user(store, factory).await;
    let session = stored_session(store, factory, &user).await;
    let (family, first) = factory.family(&session);
    once!(store, refresh.insert_family(&family, &first)).unwrap();
    (family, first)
}

/// `token` as it is once it was exchanged.
pub(super) fn spent(factory: &mut Factory, token: &RefreshToken) -> RefreshToken {
    RefreshToken {
        used_at: Some(factory.now()),
        successor: Some(factory.bytes::<60>().to_vec()),
        ..token.clone()
    }
}

async fn a_head_moves_once(store: &Store, factory: &mut Factory) {
    let (family, first) = stored_family(store, factory).await;
    let (token, of) = once!(store, refresh.find(&first.hash)).unwrap().unwrap();
    assert!(same(&token, &first) && same(&of, &family));
    let unknown = TokenHash(factory.bytes());
    assert!(once!(store, refresh.find(&unknown)).unwrap().is_none());

    let (used, second) = (spent(factory, &first), factory.token(&family, 1));
    let idle = factory.now();
    assert!(once!(store, refresh.rotate(&family, &used, &second, idle)).unwrap());
    let (token, moved) = once!(store, refresh.find(&first.hash)).unwrap().unwrap();
    assert!(same(&token, &used));
    assert_eq!((moved.generation, moved.idle_expires_at), (1, idle));
    assert_eq!(
        moved.expires_at, family.expires_at,
        "the absolute end does not move"
    );
    let (token, _) = once!(store, refresh.find(&second.hash)).unwrap().unwrap();
    assert!(same(&token, &second));

    let (rival, again) = (factory.token(&family, 1), spent(factory, &first));
    assert!(!once!(store, refresh.rotate(&family, &again, &rival, factory.now())).unwrap());
    assert!(once!(store, refresh.find(&rival.hash)).unwrap().is_none());
    let (token, _) = once!(store, refresh.find(&first.hash)).unwrap().unwrap();
    assert!(same(&token, &used), "who comes second changes nothing");
}

async fn an_ended_family_stands_still(store: &Store, factory: &mut Factory) {
    let (family, first) = stored_family(store, factory).await;
    let at = factory.now();
    assert!(once!(store, refresh.revoke_family(family.id, at)).unwrap());
    assert!(!once!(store, refresh.revoke_family(family.id, factory.now())).unwrap());
    let (_, ended) = once!(store, refresh.find(&first.hash)).unwrap().unwrap();
    assert_eq!(ended.revoked_at, Some(at));
    let (used, next) = (spent(factory, &first), factory.token(&family, 1));
    assert!(!once!(store, refresh.rotate(&family, &used, &next, at)).unwrap());
    assert!(once!(store, refresh.find(&next.hash)).unwrap().is_none());

    let (family, first) = stored_family(store, factory).await;
    once!(store, refresh.revoke_of_session(family.session_id, at)).unwrap();
    once!(store, refresh.revoke_of_session(family.session_id, factory.now())).unwrap();
    let (_, ended) = once!(store, refresh.find(&first.hash)).unwrap().unwrap();
    assert_eq!(ended.revoked_at, Some(at), "the first end stands");
}
