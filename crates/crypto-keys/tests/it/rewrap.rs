//! Keys wrapped anew: under other key-encryption keys, and under the next tenant key.

use std::sync::Arc;

use vutf_crypto_keys::{
    FieldRef, KekSet, KeyReader as _, KeyRecord, KeyState, KeyWrapper, Keyring, KeysTx, LoadError, Purpose,
    Rewrap, WrappedBy,
    rewrap::{
        REWRAP_BATCH, commit_data_key_rewrap, commit_rewrap, plan_data_key_rewrap, plan_rewrap, verify_wraps,
    },
};
use vutf_kernel::{Detail, Env, Fault, KeyId, OsEntropy, PortError, SystemClock, Transaction, UserId};

use crate::world::{HOME, Provider, World, another_organization, ctx, wanted, world};

const EMAIL: FieldRef<'static> = FieldRef {
    organization_id: HOME,
    table: "users",
    column: "email",
    row: b"r",
    subject: None,
};

fn moving(world: &World, to: &str) -> KekSet {
    let from = Provider::new(world.provider.kek_id());
    KekSet::new(Arc::new(Provider::new(to)), vec![], vec![Arc::new(from)]).unwrap()
}

async fn commit(world: &World, rewrap: &Rewrap) -> Result<(), PortError> {
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    let mut tx = Box::new(world.keys.begin());
    commit_rewrap(&ctx(), &mut env, &mut *tx, rewrap).await?;
    tx.commit().await
}

async fn rewrap_all(world: &World, keks: &KekSet) -> usize {
    let mut done = 0;
    for record in world.keys.list_tenant_keys(None).await.unwrap() {
        if let Some(rewrap) = plan_rewrap(keks, &record).await.unwrap() {
            commit(world, &rewrap).await.unwrap();
            done += 1;
        }
    }
    done
}

#[tokio::test]
async fn all_tenants_move_to_another_key_and_nothing_below_them_changes() {
    let world = world().await;
    world.provision(another_organization()).await;
    let sealed = world.ring.seal(&EMAIL, b"x", &mut OsEntropy).unwrap();
    let below = |rows: Vec<KeyRecord>| -> Vec<KeyRecord> {
        let others = rows.into_iter().filter(|row| row.purpose != Purpose::Tenant);
        others.collect()
    };
    let before = below(world.rows().await);
    let keks = moving(&world, "new");
    assert_eq!(rewrap_all(&world, &keks).await, 2);
    assert_eq!(rewrap_all(&world, &keks).await, 0, "once is enough");
    assert_eq!(below(world.rows().await), before);

    let alone = Provider::new("new");
    let ring = Keyring::new();
    ring.load(&alone, world.rows().await).await.unwrap();
    assert_eq!(ring.open(&EMAIL, &sealed).unwrap().expose(), b"x");
    for record in world.keys.list_tenant_keys(None).await.unwrap() {
        verify_wraps(&alone, &record).await.unwrap();
        assert_eq!(
            (record.revision, record.wrapped_by.to_string().as_str()),
            (2, "kek:new")
        );
        assert!(verify_wraps(&world.provider, &record).await.is_err());
    }
    let error = Keyring::new().load(&world.provider, world.rows().await).await;
    assert!(matches!(error, Err(LoadError::KekMismatch { .. })), "{error:?}");
}

#[tokio::test]
async fn each_rewrap_is_an_event_with_both_names() {
    let world = world().await;
    let old = world.row(&Purpose::Tenant).await;
    rewrap_all(&world, &moving(&world, "new")).await;
    let event = world.keys.events().pop().unwrap();
    assert_eq!((&*event.action, event.organization_id), ("key.rewrap", HOME));
    assert_eq!(event.resource.id, Some(old.id.as_uuid()));
    let list = |id: &str| Some(Detail::List(vec![id.to_owned()]));
    assert_eq!(event.details.get("from").cloned(), list("kek-1"));
    assert_eq!(event.details.get("to").cloned(), list("new"));
    assert_eq!(event.details.get("revision"), Some(&Detail::Number(2)));
}

#[tokio::test]
async fn disaster_recovery_is_added_and_taken_away_by_rewrapping() {
    let world = world().await;
    let site = || Arc::new(Provider::new("kek-1")) as Arc<dyn KeyWrapper>;
    let with = KekSet::new(site(), vec![Arc::new(Provider::new("recovery"))], vec![]).unwrap();
    assert_eq!(rewrap_all(&world, &with).await, 1);
    Keyring::new()
        .load(&Provider::new("recovery"), world.rows().await)
        .await
        .unwrap();
    let without = KekSet::new(site(), vec![], vec![]).unwrap();
    assert_eq!(rewrap_all(&world, &without).await, 1);
    let error = Keyring::new()
        .load(&Provider::new("recovery"), world.rows().await)
        .await;
    assert!(matches!(error, Err(LoadError::KekMismatch { .. })));
}

#[tokio::test]
async fn a_forged_row_gets_no_true_mac() {
    let world = world().await;
    let row = world
        .tamper(&Purpose::Tenant, |row| row.state = KeyState::Suspended)
        .await;
    let error = plan_rewrap(&moving(&world, "new"), &row).await.unwrap_err();
    assert!(matches!(error, LoadError::RecordMac { key_id } if key_id == row.id));
}

#[tokio::test]
async fn of_two_that_rewrap_at_once_one_is_told_and_both_are_done() {
    let world = world().await;
    let keks = moving(&world, "new");
    let row = world.row(&Purpose::Tenant).await;
    let one = plan_rewrap(&keks, &row).await.unwrap().unwrap();
    let two = plan_rewrap(&keks, &row).await.unwrap().unwrap();
    commit(&world, &one).await.unwrap();
    assert_eq!(commit(&world, &two).await.unwrap_err().fault, Fault::Stale);
    assert_eq!(rewrap_all(&world, &keks).await, 0);
}

#[tokio::test]
async fn a_rotation_meanwhile_is_not_undone() {
    let world = world().await;
    let keks = moving(&world, "new");
    let row = world.row(&Purpose::Tenant).await;
    let planned = plan_rewrap(&keks, &row).await.unwrap().unwrap();
    world.rotate(&Purpose::Tenant).await;
    assert_eq!(commit(&world, &planned).await.unwrap_err().fault, Fault::Stale);
    let kept = world.rows().await.into_iter().find(|found| found.id == row.id);
    assert_eq!(kept.unwrap().state, KeyState::Deactivated);
    assert_eq!(
        rewrap_all(&world, &keks).await,
        2,
        "the old version as well as the new"
    );
    Keyring::new()
        .load(&Provider::new("new"), world.rows().await)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_running_process_takes_a_rewrapped_row_without_asking_a_provider() {
    let world = world().await;
    rewrap_all(&world, &moving(&world, "new")).await;
    world.provider.switch_off();
    world.reload().await.unwrap();
    let calls = world.provider.calls();
    world.reload().await.unwrap();
    assert_eq!(world.provider.calls(), calls);
}

#[tokio::test]
async fn only_a_row_that_its_own_key_authenticates_passes_as_rewrapped() {
    let world = world().await;
    rewrap_all(&world, &moving(&world, "new")).await;
    world
        .tamper(&Purpose::Tenant, |row| *row.wrapped.last_mut().unwrap() ^= 1)
        .await;
    assert!(world.reload().await.is_err());
}

async fn below(world: &World, parent: KeyId) -> Vec<KeyRecord> {
    let mut found = Vec::new();
    loop {
        let after = found.last().map(|record: &KeyRecord| record.id);
        let page = world.keys.list_wrapped_by(parent, after, 3).await.unwrap();
        if page.is_empty() {
            return found;
        }
        found.extend(page);
    }
}

async fn rotated() -> (World, KeyRecord, KeyRecord) {
    let world = world().await;
    let old = world.row(&Purpose::Tenant).await;
    world.rotate(&Purpose::Tenant).await;
    let tenants = world.keys.list_tenant_keys(Some(HOME)).await.unwrap();
    let find = |state| tenants.iter().find(|row| row.state == state).cloned().unwrap();
    let (old_now, new) = (find(KeyState::Deactivated), find(KeyState::Active));
    assert_eq!(old_now.id, old.id);
    (world, old_now, new)
}

async fn commit_batch(
    world: &World,
    target: &KeyRecord,
    rewraps: &[Rewrap],
) -> vutf_crypto_keys::DataKeysRewrapped {
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    let mut tx = Box::new(world.keys.begin());
    let done = commit_data_key_rewrap(&ctx(), &mut env, &mut *tx, target, rewraps)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    done
}

#[tokio::test]
async fn the_keys_below_a_rotated_tenant_key_move_to_its_successor() {
    let (world, old, new) = rotated().await;
    let sealed = world.ring.seal(&EMAIL, b"x", &mut OsEntropy).unwrap();
    let calls = world.provider.calls();
    let batch = below(&world, old.id).await;
    assert_eq!(batch.len(), wanted().len() - 1);
    assert!(batch.len() <= REWRAP_BATCH);
    let plan = plan_data_key_rewrap(&world.ring, &mut OsEntropy, &new, &batch).unwrap();
    assert_eq!(
        (plan.rewraps.len(), plan.already, plan.refused.len()),
        (batch.len(), 0, 0)
    );
    let done = commit_batch(&world, &new, &plan.rewraps).await;
    assert_eq!((done.written, done.stale), (batch.len(), 0));
    assert_eq!(world.provider.calls(), calls, "no provider is asked");
    let event = world.keys.events().pop().unwrap();
    let count = i64::try_from(batch.len()).unwrap();
    assert_eq!(event.details.get("count"), Some(&Detail::Number(count)));
    assert_eq!(event.resource.id, Some(new.id.as_uuid()));

    assert_eq!(below(&world, old.id).await, []);
    // The old tenant key is not needed any more.
    let rows = world.rows().await.into_iter().filter(|row| row.id != old.id);
    let ring = Keyring::new();
    ring.load(&world.provider, rows.collect()).await.unwrap();
    assert_eq!(ring.open(&EMAIL, &sealed).unwrap().expose(), b"x");

    let again =
        plan_data_key_rewrap(&world.ring, &mut OsEntropy, &new, &below(&world, new.id).await).unwrap();
    assert_eq!((again.rewraps.len(), again.already), (0, batch.len()));
}

#[tokio::test]
async fn a_row_that_was_tampered_with_is_refused_and_the_rest_goes_on() {
    let (world, old, new) = rotated().await;
    let mut batch = below(&world, old.id).await;
    batch[1].state = KeyState::Suspended;
    batch[2].wrapped_by = WrappedBy::Kek("kek-1".into());
    batch[3].organization_id = another_organization();
    let plan = plan_data_key_rewrap(&world.ring, &mut OsEntropy, &new, &batch).unwrap();
    let refused: Vec<KeyId> = plan.refused.iter().map(|(id, _)| *id).collect();
    assert_eq!(refused, [batch[1].id, batch[2].id, batch[3].id]);
    assert!(matches!(plan.refused[0].1, LoadError::RecordMac { .. }));
    assert_eq!(plan.rewraps.len(), batch.len() - 3);
}

#[tokio::test]
async fn a_row_that_changed_meanwhile_is_left_for_the_next_round() {
    let (world, old, new) = rotated().await;
    let batch = below(&world, old.id).await;
    let plan = plan_data_key_rewrap(&world.ring, &mut OsEntropy, &new, &batch).unwrap();
    world.rotate(&Purpose::field("users")).await;
    let done = commit_batch(&world, &new, &plan.rewraps).await;
    assert_eq!((done.written, done.stale), (batch.len() - 1, 1));
    let left = below(&world, old.id).await;
    assert_eq!(left.len(), 1);
    assert_eq!(
        (&left[0].purpose, left[0].state),
        (&Purpose::field("users"), KeyState::Deactivated)
    );
    let plan = plan_data_key_rewrap(&world.ring, &mut OsEntropy, &new, &left).unwrap();
    assert_eq!(commit_batch(&world, &new, &plan.rewraps).await.written, 1);
    assert_eq!(
        commit_batch(&world, &new, &[]).await,
        vutf_crypto_keys::DataKeysRewrapped::default()
    );
}

#[tokio::test]
async fn only_an_active_tenant_key_that_is_loaded_and_authentic_takes_keys_over() {
    let (world, old, new) = rotated().await;
    let batch = below(&world, old.id).await;
    let plan = |ring: &Keyring, target: &KeyRecord| {
        plan_data_key_rewrap(ring, &mut OsEntropy, target, &batch).map(|plan| plan.rewraps.len())
    };
    assert!(plan(&world.ring, &old).is_err(), "it is deactivated");
    assert!(plan(&world.ring, &batch[0]).is_err(), "it is no tenant key");
    assert!(plan(&Keyring::new(), &new).is_err(), "it is not loaded");
    let forged = KeyRecord {
        state: KeyState::Active,
        ..old
    };
    let error = plan(&world.ring, &forged).unwrap_err();
    assert!(matches!(error, LoadError::RecordMac { .. }), "{error}");
}

#[tokio::test]
async fn the_keys_of_persons_are_among_those_that_are_listed() {
    let world = world().await;
    let tenant = world.row(&Purpose::Tenant).await;
    let template = world.row(&Purpose::field("users")).await;
    let person = KeyRecord {
        id: KeyId::generate(&SystemClock, &mut OsEntropy),
        purpose: Purpose::subject(UserId::generate(&SystemClock, &mut OsEntropy)),
        ..template
    };
    let mut tx = Box::new(world.keys.begin());
    tx.keys().insert(&person).await.unwrap();
    tx.commit().await.unwrap();
    assert!(below(&world, tenant.id).await.contains(&person));
    assert!(!world.rows().await.contains(&person));
}
