//! Making keys and rotating them.

use vutf_crypto_keys::{KeyState, LoadError, Purpose, WrappedBy, plan_missing};
use vutf_kernel::{Detail, Env, Fault, OsEntropy, Outcome, SystemClock};

use crate::world::{HOME, another_organization, wanted, world};

#[tokio::test]
async fn new_keys_are_active_and_stand_in_the_hierarchy() {
    let world = world().await;
    let tenant = world.row(&Purpose::Tenant).await;
    assert_eq!(tenant.wrapped_by, WrappedBy::Kek("kek-1".into()));
    let rows = world.rows().await;
    assert_eq!(rows.len(), wanted().len());
    for row in rows {
        assert_eq!((row.version, row.state), (1, KeyState::Active), "{}", row.purpose);
        assert_eq!(row.activated_at, Some(row.created_at));
        assert_eq!(
            row.not_after.is_none(),
            matches!(row.purpose, Purpose::Index { .. })
        );
        assert_eq!(row.public_key.is_some(), row.purpose == Purpose::TokenSigning);
        if row.id != tenant.id {
            assert_eq!(row.wrapped_by, WrappedBy::Tenant(tenant.id));
        }
    }
}

#[tokio::test]
async fn nothing_is_planned_and_nobody_asked_when_nothing_is_missing() {
    let world = world().await;
    let before = world.provider.calls();
    assert!(world.plan(HOME).await.unwrap().is_empty());
    assert_eq!(world.provider.calls(), before);
}

#[tokio::test]
async fn only_what_is_missing_is_planned_under_the_tenant_key_that_is_there() {
    let world = world().await;
    let mut rows = world.rows().await;
    rows.retain(|row| row.purpose != Purpose::mac("cursor"));
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    let planned = plan_missing(&mut env, &world.provider, HOME, &rows, &wanted())
        .await
        .unwrap();
    let purposes: Vec<_> = planned.iter().map(|row| row.purpose.clone()).collect();
    assert_eq!(purposes, [Purpose::mac("cursor")]);
    rows.extend(planned);
    world.ring.load(&world.provider, rows).await.unwrap();
}

#[tokio::test]
async fn each_new_key_is_an_event() {
    let world = world().await;
    let events = world.keys.events();
    assert_eq!(events.len(), wanted().len());
    for event in &events {
        assert_eq!(event.action, "key.create");
        assert_eq!(event.outcome, Outcome::Success);
        assert_eq!(event.organization_id, HOME);
        assert!(event.private.is_empty());
    }
}

#[tokio::test]
async fn of_two_replicas_that_start_together_one_wins() {
    let world = world().await;
    let elsewhere = another_organization();
    let (first, second) = (
        world.plan(elsewhere).await.unwrap(),
        world.plan(elsewhere).await.unwrap(),
    );
    world.commit_new(&first).await.unwrap();
    let error = world.commit_new(&second).await.unwrap_err();
    assert_eq!(error.fault, Fault::Duplicate);
    world.reload().await.unwrap();
    world.ring.mac(elsewhere, "cursor", b"x").unwrap();
    assert_eq!(world.keys.events().len(), 2 * wanted().len());
}

#[tokio::test]
async fn a_rotation_deactivates_the_old_key_and_is_an_event() {
    let world = world().await;
    let old = world.row(&Purpose::TokenSigning).await;
    world.rotate(&Purpose::TokenSigning).await;
    let rows = world.rows().await;
    let mut versions: Vec<_> = rows
        .iter()
        .filter(|row| row.purpose == Purpose::TokenSigning)
        .map(|row| (row.version, row.state))
        .collect();
    versions.sort_by_key(|(version, _)| *version);
    assert_eq!(versions, [(1, KeyState::Deactivated), (2, KeyState::Active)]);
    let event = world.keys.events().pop().unwrap();
    assert_eq!(event.action, "key.rotate");
    assert_eq!(
        event.details["deactivated"],
        Detail::List(vec![old.id.to_string()])
    );
}

#[tokio::test]
async fn of_two_rotations_one_wins() {
    let world = world().await;
    let purpose = Purpose::field("users");
    let first = world.plan_rotation(&purpose).await.unwrap();
    let second = world.plan_rotation(&purpose).await.unwrap();
    world.commit_rotation(first).await.unwrap();
    let error = world.commit_rotation(second).await.unwrap_err();
    assert_eq!(error.fault, Fault::Stale);
}

#[tokio::test]
async fn after_the_tenant_key_is_rotated_old_keys_work_and_new_ones_hang_under_the_new() {
    let world = world().await;
    let tag = world.ring.mac(HOME, "cursor", b"x").unwrap();
    world.rotate(&Purpose::Tenant).await;
    assert!(world.ring.verify_mac(HOME, "cursor", b"x", &tag).unwrap());
    world.rotate(&Purpose::mac("cursor")).await;
    let rows = world.rows().await;
    let tenant = rows
        .iter()
        .find(|row| row.purpose == Purpose::Tenant && row.version == 2)
        .unwrap();
    let newest = rows
        .iter()
        .find(|row| row.purpose == Purpose::mac("cursor") && row.version == 2)
        .unwrap();
    assert_eq!(newest.wrapped_by, WrappedBy::Tenant(tenant.id));
    assert!(world.ring.verify_mac(HOME, "cursor", b"x", &tag).unwrap());
}

#[tokio::test]
async fn a_forged_row_does_not_get_a_true_mac_by_a_rotation() {
    let world = world().await;
    let purpose = Purpose::field("users");
    let row = world.tamper(&purpose, |row| row.not_after = None).await;
    let error = world.plan_rotation(&purpose).await.unwrap_err();
    assert!(
        matches!(error, LoadError::RecordMac { key_id } if key_id == row.id),
        "{error}"
    );
}

#[tokio::test]
async fn without_a_tenant_key_that_may_wrap_nothing_is_made() {
    let world = world().await;
    let mut rows = world.rows().await;
    rows.retain(|row| row.purpose == Purpose::Tenant);
    rows[0].state = KeyState::Suspended;
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    let planned = plan_missing(&mut env, &world.provider, HOME, &rows, &wanted()).await;
    assert!(matches!(planned, Err(LoadError::NoTenantKey { .. })));
}

#[tokio::test]
async fn a_purpose_with_an_ambiguous_name_gets_no_key() {
    let world = world().await;
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    let wanted = [Purpose::index("a.b", "c")];
    let planned = plan_missing(&mut env, &world.provider, HOME, &world.rows().await, &wanted).await;
    assert!(matches!(planned, Err(LoadError::Record { .. })));
}

#[test]
fn the_futures_can_move_between_threads() {
    fn movable<T: Send>(_: &T) {}
    let provider = crate::world::Provider::new("k");
    let mut entropy = OsEntropy;
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut entropy,
    };
    movable(&plan_missing(&mut env, &provider, HOME, &[], &[]));
    movable(&vutf_crypto_keys::Keyring::new().load(&provider, Vec::new()));
}
