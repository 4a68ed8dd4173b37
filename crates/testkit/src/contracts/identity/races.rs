//! Many at once, where only so many may succeed.

use vutf_identity::{
    guard::{GuardKey, GuardPolicy},
    refresh::RefreshToken,
};
use vutf_kernel::{Fault, PortError, UserId};

use super::{
    HOME, RACERS, Store, race,
    refresh::{spent, stored_family},
    roles::names,
    sessions::stored_session,
    stored_user, winners,
};
use crate::{contracts::NEIGHBOUR, factory::Factory};

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    guesses_in_parallel_do_not_outrun_the_counter(store, factory).await;
    one_family_head_comes_of_many_refreshes(store, factory).await;
    one_name_goes_to_one_user(store, factory).await;
    one_update_of_a_version_wins(store, factory).await;
    one_caller_ends_a_session(store, factory).await;
    nobody_has_more_sessions_than_they_may(store, factory).await;
    the_last_administrator_stays(store, factory).await;
    the_bootstrap_secret_is_used_once(store, factory).await;
}

async fn guesses_in_parallel_do_not_outrun_the_counter(store: &Store, factory: &mut Factory) {
    let now = factory.now();
    let known = GuardKey::password_of(stored_user(store, factory).await.id);
    for key in [known, GuardKey::password_of_unknown([7; 32])] {
        let guessed = key.clone();
        let answers = race(store, move |_, tx| {
            let key = guessed.clone();
            Box::pin(async move {
                let state = tx.guards().lock(HOME, &key, now).await?;
                let Ok(next) = state.admit(&GuardPolicy::default(), now) else {
                    return Ok(false);
                };
                tx.guards().put(HOME, &key, &next, now).await?;
                Ok(true)
            })
        })
        .await;
        assert_eq!(winners(&answers), 5);
        assert_eq!(once!(store, guards.lock(HOME, &key, now)).unwrap().failures, 5);
        assert_eq!(once!(store, guards.failures_of(HOME, &key.account)).unwrap(), 5);
        assert_eq!(
            once!(store, guards.failures_of(NEIGHBOUR, &key.account)).unwrap(),
            0
        );
    }
}

async fn one_family_head_comes_of_many_refreshes(store: &Store, factory: &mut Factory) {
    let (family, first) = stored_family(store, factory).await;
    let used = spent(factory, &first);
    let heirs: Vec<RefreshToken> = (0..RACERS).map(|_| factory.token(&family, 1)).collect();
    let idle = factory.now();
    let (rival_family, rivals) = (family.clone(), heirs.clone());
    let answers = race(store, move |racer, tx| {
        let (family, used, next) = (rival_family.clone(), used.clone(), rivals[racer].clone());
        Box::pin(async move { tx.refresh().rotate(&family, &used, &next, idle).await })
    })
    .await;
    assert_eq!(winners(&answers), 1);
    let mut heads = 0;
    for heir in &heirs {
        heads += usize::from(once!(store, refresh.find(&heir.hash)).unwrap().is_some());
    }
    assert_eq!(heads, 1);
    let (_, moved) = once!(store, refresh.find(&first.hash)).unwrap().unwrap();
    assert_eq!(moved.generation, 1);
}

/// One of all answers is a success and the others failed with `fault`.
fn one_and_the_rest(answers: &[Result<bool, PortError>], fault: Fault) {
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.is_ok());
    assert_eq!(won.len(), 1);
    let faults: Vec<Fault> = lost
        .into_iter()
        .filter_map(|answer| answer.as_ref().err())
        .map(|e| e.fault)
        .collect();
    assert!(faults.iter().all(|found| *found == fault), "{faults:?}");
}

async fn one_name_goes_to_one_user(store: &Store, factory: &mut Factory) {
    let model = factory.user();
    let people: Vec<_> = (0..RACERS)
        .map(|_| {
            let mut user = factory.user();
            user.username = model.username.clone();
            user
        })
        .collect();
    let answers = race(store, move |racer, tx| {
        let user = people[racer].clone();
        Box::pin(async move { tx.users().insert(&user).await.map(|()| true) })
    })
    .await;
    one_and_the_rest(&answers, Fault::Duplicate);
}

async fn one_update_of_a_version_wins(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let next = user.clone().changed(None, factory.now());
    let answers = race(store, move |_, tx| {
        let next = next.clone();
        Box::pin(async move { tx.users().update(&next).await.map(|()| true) })
    })
    .await;
    one_and_the_rest(&answers, Fault::Stale);
    let found = once!(store, users.find(HOME, user.id)).unwrap().unwrap();
    assert_eq!(found.stamps.version, 2);
}

async fn one_caller_ends_a_session(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let id = stored_session(store, factory, &user).await.id;
    let at = factory.now();
    let answers = race(store, move |_, tx| {
        Box::pin(async move { tx.sessions().revoke(HOME, id, "logout", None, at).await })
    })
    .await;
    assert_eq!(winners(&answers), 1);
}

async fn nobody_has_more_sessions_than_they_may(store: &Store, factory: &mut Factory) {
    const KEEP: u32 = 4;
    let user = stored_user(store, factory).await;
    let id = user.id;
    let sessions: Vec<_> = (0..RACERS).map(|_| factory.session(&user)).collect();
    let at = factory.now();
    let answers = race(store, move |racer, tx| {
        let session = sessions[racer].clone();
        Box::pin(async move {
            tx.users().note_login(id, at).await?;
            for oldest in tx.sessions().beyond(HOME, id, KEEP, at).await? {
                tx.sessions()
                    .revoke(HOME, oldest, "too_many_sessions", None, at)
                    .await?;
            }
            tx.sessions().insert(&session).await?;
            // What a later sign-in would see; within the transaction the count is exact.
            let live = tx.sessions().live_of(HOME, id, at).await?;
            Ok(live.len() <= KEEP as usize + 1)
        })
    })
    .await;
    assert_eq!(winners(&answers), RACERS);
    let live = once!(store, sessions.live_of(HOME, id, at)).unwrap();
    assert_eq!(live.len(), KEEP as usize + 1);
}

async fn the_last_administrator_stays(store: &Store, factory: &mut Factory) {
    const ROLE: &str = "last_one";
    let mut holders: Vec<UserId> = Vec::new();
    for _ in 0..RACERS {
        let id = stored_user(store, factory).await.id;
        once!(
            store,
            roles.assign(HOME, id, &names(&[ROLE]), None, factory.now())
        )
        .unwrap();
        holders.push(id);
    }
    let at = factory.now();
    let answers = race(store, move |racer, tx| {
        let id = holders[racer];
        Box::pin(async move {
            tx.roles().lock_organization(HOME).await?;
            if tx.roles().holders(HOME, ROLE).await? < 2 {
                return Ok(false);
            }
            tx.roles().assign(HOME, id, &[], None, at).await?;
            Ok(true)
        })
    })
    .await;
    assert_eq!(winners(&answers), RACERS - 1);
    assert_eq!(once!(store, roles.holders(HOME, ROLE)).unwrap(), 1);
}

/// After the rules of roles, which leave an unused secret behind.
async fn the_bootstrap_secret_is_used_once(store: &Store, factory: &mut Factory) {
    let token = once!(store, bootstrap.find(HOME)).unwrap().unwrap().token;
    let at = factory.now();
    let answers = race(store, move |_, tx| {
        Box::pin(async move { tx.bootstrap().consume(HOME, &token, at).await })
    })
    .await;
    assert_eq!(winners(&answers), 1);
    let record = once!(store, bootstrap.find(HOME)).unwrap().unwrap();
    assert_eq!((record.token, record.used_at), (token, Some(at)));
    assert!(
        !once!(store, bootstrap.put(HOME, &token, at)).unwrap(),
        "it is used up for good"
    );
}
