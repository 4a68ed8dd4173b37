//! API keys: found by their lookup, ended once, never more than may be, and nobody else's.

use std::time::Duration;

use vutf_identity::{
    User, UserKind,
    api_key::{ApiKey, repo::KeyUse},
    repo::UserFilter,
};
use vutf_kernel::{ApiKeyId, Fault, PageRequest, PortError, Secret, Timestamp, UserId};

use super::{HOME, Store, begin, race, roles::names, stored_user, winners};
use crate::{contracts::NEIGHBOUR, factory::Factory};

const MINUTE: Duration = Duration::from_mins(1);
/// How many keys the race lets in.
const MOST: usize = 5;

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    a_key_is_kept_as_it_was_made(store, factory).await;
    its_status_tells_of_its_owner(store, factory).await;
    a_lookup_is_one_keys(store, factory).await;
    an_end_is_written_once(store, factory).await;
    keys_are_listed_by_owner_and_in_parts(store, factory).await;
    a_use_is_noted_once_a_minute(store, factory).await;
    no_more_keys_than_may_be(store, factory).await;
    nothing_is_seen_through_another_tenant(store, factory).await;
    all_of_an_owner_go_at_once(store, factory).await;
    what_ended_long_ago_goes(store, factory).await;
    programs_are_told_apart_and_administer_nothing(store, factory).await;
}

async fn stored_key(store: &Store, factory: &mut Factory, user: &User) -> ApiKey {
    let key = factory.api_key(user);
    once!(store, api_keys.insert(&key)).unwrap();
    key
}

async fn found(store: &Store, key: &ApiKey) -> ApiKey {
    once!(store, api_keys.find(HOME, key.id)).unwrap().unwrap()
}

/// `key` as somebody ends it.
fn ended(key: &ApiKey, at: Timestamp) -> ApiKey {
    ApiKey {
        revoked_at: Some(at),
        stamps: key.stamps.clone().changed(Some(key.user_id), at),
        ..key.clone()
    }
}

async fn a_key_is_kept_as_it_was_made(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let full = stored_key(store, factory, &user).await;
    assert_eq!(found(store, &full).await, full);
    let plain = ApiKey {
        networks: Vec::new(),
        ..factory.api_key(&user)
    };
    once!(store, api_keys.insert(&plain)).unwrap();
    assert_eq!(found(store, &plain).await, plain);
    let nobodys = ApiKeyId::from_uuid(factory.id());
    assert_eq!(once!(store, api_keys.find(HOME, nobodys)).unwrap(), None);
}

async fn its_status_tells_of_its_owner(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let key = stored_key(store, factory, &user).await;
    let now = factory.now();
    once!(
        store,
        roles.assign(HOME, user.id, &names(&["auditor", "user"]), None, now)
    )
    .unwrap();
    let status = store.api_key_status(key.lookup).await.unwrap().unwrap();
    assert_eq!(
        (status.id, status.user_id, status.organization_id, status.secret),
        (key.id, user.id, HOME, key.secret)
    );
    assert_eq!((&status.scopes, &status.networks), (&key.scopes, &key.networks));
    assert_eq!((status.expires_at, status.revoked_at), (key.expires_at, None));
    assert_eq!((status.owner_status, status.owner_deleted), (user.status, false));
    assert_eq!(status.roles, ["auditor", "user"]);
    let other = factory.api_key(&user);
    assert!(store.api_key_status(other.lookup).await.unwrap().is_none());

    let gone = user.delete(None, now);
    once!(store, users.update(&gone)).unwrap();
    once!(store, api_keys.end(&ended(&key, now))).unwrap();
    let status = store.api_key_status(key.lookup).await.unwrap().unwrap();
    assert_eq!((status.owner_deleted, status.revoked_at), (true, Some(now)));
}

async fn a_lookup_is_one_keys(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let key = stored_key(store, factory, &user).await;
    let twin = ApiKey {
        lookup: key.lookup,
        ..factory.api_key(&user)
    };
    let refused = once!(store, api_keys.insert(&twin)).unwrap_err();
    assert_eq!(refused.fault, Fault::Duplicate);
}

async fn an_end_is_written_once(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let key = stored_key(store, factory, &user).await;
    let next = stored_key(store, factory, &user).await;
    let now = factory.now();
    let handed_over = ApiKey {
        successor_id: Some(next.id),
        expires_at: now,
        ..ended(&key, now)
    };
    let rival = handed_over.clone();
    let answers = race(store, move |_, tx| {
        let key = rival.clone();
        Box::pin(async move {
            match tx.api_keys().end(&key).await {
                Ok(()) => Ok(true),
                Err(error) if error.fault == Fault::Stale => Ok(false),
                Err(error) => Err(error),
            }
        })
    })
    .await;
    assert_eq!(winners(&answers), 1);
    assert_eq!(found(store, &key).await, handed_over);
    let before = once!(store, api_keys.predecessor(HOME, next.id)).unwrap();
    assert_eq!(before, Some(handed_over));
    assert_eq!(once!(store, api_keys.predecessor(HOME, key.id)).unwrap(), None);
}

async fn keys_are_listed_by_owner_and_in_parts(store: &Store, factory: &mut Factory) {
    let (user, other) = (
        stored_user(store, factory).await,
        stored_user(store, factory).await,
    );
    let mut own = Vec::new();
    for _ in 0..3 {
        own.push(stored_key(store, factory, &user).await);
        stored_key(store, factory, &other).await;
    }
    let part = |after: Option<ApiKeyId>| PageRequest {
        after: after.map(|id| id.as_uuid()),
        limit: 2,
    };
    let first = once!(store, api_keys.list(HOME, Some(user.id), &part(None))).unwrap();
    assert_eq!(first.items, own[..2]);
    assert_eq!(first.next, Some(own[1].id.as_uuid()));
    let last = once!(store, api_keys.list(HOME, Some(user.id), &part(Some(own[1].id)))).unwrap();
    assert_eq!((last.items, last.next), (vec![own[2].clone()], None));
    let all = once!(store, api_keys.list(HOME, None, &part(Some(own[0].id)))).unwrap();
    let owners: Vec<UserId> = all.items.iter().map(|key| key.user_id).collect();
    assert_eq!(owners, [other.id, user.id]);

    let now = factory.now();
    once!(store, api_keys.end(&ended(&own[0], now))).unwrap();
    let live = once!(store, api_keys.live_of(HOME, user.id, now)).unwrap();
    assert_eq!(live, own[1..]);
    let late = own[1].expires_at;
    assert_eq!(
        once!(store, api_keys.live_of(HOME, user.id, late)).unwrap(),
        own[2..]
    );
}

async fn a_use_is_noted_once_a_minute(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let key = stored_key(store, factory, &user).await;
    let at = factory.now();
    let use_at = |at: Timestamp, ip: &str| KeyUse {
        key_id: key.id,
        organization_id: HOME,
        user_id: user.id,
        at,
        ip: Some(Secret::new(ip.to_owned())),
    };
    let first = use_at(at, "192.0.2.7");
    let rival = first.clone();
    let answers = race(store, move |_, tx| {
        let one = rival.clone();
        Box::pin(async move { tx.api_keys().note_use(&one, one.at.minus(MINUTE)).await })
    })
    .await;
    assert_eq!(winners(&answers), 1);
    let noted = found(store, &key).await;
    assert_eq!(
        (noted.last_used_at, noted.last_used_ip),
        (Some(at), first.ip.clone())
    );
    assert_eq!(noted.stamps, key.stamps, "no new version");
    let soon = use_at(at.plus(MINUTE / 2), "192.0.2.8");
    assert!(!once!(store, api_keys.note_use(&soon, soon.at.minus(MINUTE))).unwrap());
    let later = use_at(at.plus(MINUTE), "192.0.2.9");
    assert!(once!(store, api_keys.note_use(&later, later.at.minus(MINUTE))).unwrap());
    let noted = found(store, &key).await;
    assert_eq!(
        (noted.last_used_at, noted.last_used_ip),
        (Some(later.at), later.ip)
    );
    let strange = KeyUse {
        organization_id: NEIGHBOUR,
        ..use_at(at.plus(MINUTE * 9), "192.0.2.9")
    };
    assert!(!once!(store, api_keys.note_use(&strange, strange.at.minus(MINUTE))).unwrap());
}

async fn no_more_keys_than_may_be(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let now = factory.now();
    let keys: Vec<ApiKey> = (0..super::RACERS).map(|_| factory.api_key(&user)).collect();
    let owner = user.id;
    let answers = race(store, move |racer, tx| {
        let key = keys[racer].clone();
        Box::pin(async move {
            tx.api_keys().lock_owner(HOME, owner).await?;
            if tx.api_keys().live_of(HOME, owner, now).await?.len() >= MOST {
                return Ok::<_, PortError>(false);
            }
            tx.api_keys().insert(&key).await?;
            Ok(true)
        })
    })
    .await;
    assert_eq!(winners(&answers), MOST);
    assert_eq!(
        once!(store, api_keys.live_of(HOME, owner, now)).unwrap().len(),
        MOST
    );
}

async fn nothing_is_seen_through_another_tenant(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let key = stored_key(store, factory, &user).await;
    let now = factory.now();
    assert_eq!(once!(store, api_keys.find(NEIGHBOUR, key.id)).unwrap(), None);
    let page = PageRequest {
        after: None,
        limit: 100,
    };
    let listed = once!(store, api_keys.list(NEIGHBOUR, None, &page)).unwrap();
    assert!(listed.items.is_empty());
    let live = once!(store, api_keys.live_of(NEIGHBOUR, user.id, now)).unwrap();
    assert!(live.is_empty());
    let strange = ApiKey {
        organization_id: NEIGHBOUR,
        ..ended(&key, now)
    };
    let refused = once!(store, api_keys.end(&strange)).unwrap_err();
    assert_eq!(refused.fault, Fault::Stale);
    assert_eq!(once!(store, api_keys.remove_of(NEIGHBOUR, user.id)).unwrap(), 0);
    assert_eq!(found(store, &key).await, key);
}

async fn all_of_an_owner_go_at_once(store: &Store, factory: &mut Factory) {
    let (user, other) = (
        stored_user(store, factory).await,
        stored_user(store, factory).await,
    );
    let gone = stored_key(store, factory, &user).await;
    stored_key(store, factory, &user).await;
    let kept = stored_key(store, factory, &other).await;
    assert_eq!(once!(store, api_keys.remove_of(HOME, user.id)).unwrap(), 2);
    assert_eq!(once!(store, api_keys.find(HOME, gone.id)).unwrap(), None);
    assert!(store.api_key_status(gone.lookup).await.unwrap().is_none());
    assert_eq!(found(store, &kept).await, kept);
}

async fn what_ended_long_ago_goes(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let live = stored_key(store, factory, &user).await;
    let revoked = stored_key(store, factory, &user).await;
    once!(store, api_keys.end(&ended(&revoked, factory.now()))).unwrap();
    let over = ApiKey {
        expires_at: factory.now(),
        ..factory.api_key(&user)
    };
    once!(store, api_keys.insert(&over)).unwrap();
    let before = factory.now();
    while once!(store, housekeeping.remove_api_keys(before, 2)).unwrap() > 0 {}
    for (key, is_there) in [(&live, true), (&revoked, false), (&over, false)] {
        let found = once!(store, api_keys.find(HOME, key.id)).unwrap();
        assert_eq!(found.is_some(), is_there);
    }
}

async fn programs_are_told_apart_and_administer_nothing(store: &Store, factory: &mut Factory) {
    let (program, person) = (factory.program(), stored_user(store, factory).await);
    once!(store, users.insert(&program)).unwrap();
    let found = once!(store, users.find(HOME, program.id)).unwrap().unwrap();
    assert_eq!(found, program);
    let page = PageRequest {
        after: None,
        limit: 100,
    };
    let only = UserFilter {
        kind: Some(UserKind::Service),
        ..UserFilter::default()
    };
    let listed = once!(store, users.list(HOME, &only, &page)).unwrap();
    assert_eq!(listed.items, std::slice::from_ref(&program));
    let now = factory.now();
    for holder in [&program, &person] {
        let mut tx = begin(store).await;
        let role = names(&["programs-too"]);
        tx.roles()
            .assign(HOME, holder.id, &role, None, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(once!(store, roles.holders(HOME, "programs-too")).unwrap(), 1);
}
