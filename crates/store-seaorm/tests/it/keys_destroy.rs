//! Destruction: who, when, what stays, and what becomes of requests.

use std::time::Duration;

use vutf_app::keys::{Destruction, KeysError, Target};
use vutf_crypto_keys::{
    ApprovalError, ApprovalState, DestructionError, KeyReader as _, KeyRecord, KeyState,
    LifecycleReader as _, Live, LiveCiphertext as _, Purpose, ReasonCode, plan_keyset,
    rewrap::{commit_data_key_rewrap, plan_data_key_rewrap},
};
use vutf_kernel::{Actor, Ambient, Class, Env, OsEntropy, SystemClock};

use crate::{
    keys_world::{HOME, Handles, custodian, events, named},
    world::{World, ctx_in},
};

on_both!(
    it_takes_two_persons_and_leaves_a_fingerprint,
    one_person_destroys_what_never_protected,
    what_protects_now_is_not_destroyed,
    a_key_must_settle_before_it_is_destroyed,
    one_request_a_key_is_open_and_ends_after_a_day,
    a_rejected_request_is_over,
    the_machine_is_one_person,
    a_change_of_the_key_makes_the_request_void,
    a_tenant_key_goes_when_nothing_hangs_under_it,
    requests_outlive_the_tenant_key_that_vouched_for_them
);

async fn it_takes_two_persons_and_leaves_a_fingerprint(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let key = handles.retired(&world, "orders").await;
    let request = handles.ask(&world, &key).await;
    let listed = keys.requests(&custodian(2)).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&request));
    let view = keys.get(&custodian(2), key.id).await.unwrap();
    assert_eq!(view.request.as_ref(), Some(&request));

    let own = keys.approve(&custodian(1), request.id).await.unwrap_err();
    assert!(
        matches!(own, KeysError::Approval(ApprovalError::SamePerson)),
        "{own}"
    );
    assert_eq!(own.class(), Class::Forbidden);
    assert_eq!(events(&world, "key.destroy_approve", "refused").await, 1);
    assert_eq!(handles.record(&world, &key).await, key, "nothing was changed");

    let gone = keys.approve(&custodian(2), request.id).await.unwrap();
    assert_eq!((gone.state, gone.wrapped.len()), (KeyState::Destroyed, 0));
    assert_eq!(gone.fingerprint, key.fingerprint);
    let left = format!(
        "SELECT COUNT(*) FROM crypto_keys WHERE id = {} AND LENGTH(wrapped) > 0",
        world.id(key.id.as_uuid())
    );
    assert_eq!(world.number(&left).await, 0);
    let again = keys.approve(&custodian(3), request.id).await.unwrap();
    assert_eq!(again, gone, "approving twice changes nothing");
    let asked = keys
        .request_destruction(&custodian(1), key.id, &ReasonCode::Cessation.into())
        .await
        .unwrap();
    assert!(matches!(asked, Destruction::Destroyed(record) if record == gone));
    for (action, times) in [
        // Whoever asks again is recorded, too; nothing is destroyed twice.
        ("key.destroy_request", 2),
        ("key.destroy_approve", 2),
        ("key.destroy", 1),
    ] {
        assert_eq!(events(&world, action, "success").await, times, "{action}");
    }
    let decided = world.store.approval(request.id).await.unwrap().unwrap();
    assert_eq!(decided.state, ApprovalState::Approved);
    assert!(decided.decided_by.is_some() && decided.decided_by != Some(decided.requested_by));
    assert!(
        handles.start(&world).await.is_ok(),
        "a destroyed row is authentic"
    );
}

async fn one_person_destroys_what_never_protected(world: World) {
    let handles = Handles::new();
    let made = handles.create(&world, &named("orders"), false).await;
    let done = handles
        .keys(&world)
        .request_destruction(&custodian(1), made.id, &ReasonCode::Cessation.into())
        .await
        .unwrap();
    let Destruction::Destroyed(gone) = done else {
        panic!("{done:?}");
    };
    assert_eq!((gone.state, gone.wrapped.len()), (KeyState::Destroyed, 0));
    assert_eq!(events(&world, "key.destroy", "success").await, 1);
    let system = vutf_kernel::Ctx::internal(HOME, Actor::System { job: "x".into() }, ctx_in(HOME).request_id);
    let next = handles.create(&world, &named("orders"), false).await;
    let error = handles
        .keys(&world)
        .request_destruction(&system, next.id, &ReasonCode::Cessation.into())
        .await
        .unwrap_err();
    assert!(
        matches!(error, KeysError::Approval(ApprovalError::NotAPerson)),
        "{error}"
    );
}

async fn what_protects_now_is_not_destroyed(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    for record in keys.list(&custodian(1)).await.unwrap() {
        let error = keys
            .request_destruction(&custodian(1), record.id, &ReasonCode::Cessation.into())
            .await
            .unwrap_err();
        assert!(
            matches!(error, KeysError::Destruction(DestructionError::Active)),
            "{error}"
        );
    }
}

async fn a_key_must_settle_before_it_is_destroyed(world: World) {
    let mut handles = Handles::new();
    handles.settle = Duration::from_mins(2);
    let key = handles.retired(&world, "orders").await;
    let request = handles.ask(&world, &key).await;
    let keys = handles.keys(&world);
    let early = keys.approve(&custodian(2), request.id).await.unwrap_err();
    assert!(
        matches!(early, KeysError::Destruction(DestructionError::Settling { until })
            if until == key.state_changed_at.plus(handles.settle)),
        "{early}"
    );
    handles.move_on(handles.settle);
    keys.approve(&custodian(2), request.id).await.unwrap();
}

async fn one_request_a_key_is_open_and_ends_after_a_day(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let key = handles.retired(&world, "orders").await;
    let first = handles.ask(&world, &key).await;
    let error = keys
        .request_destruction(&custodian(2), key.id, &ReasonCode::Cessation.into())
        .await
        .unwrap_err();
    assert!(
        matches!(error, KeysError::Requested(id) if id == first.id),
        "{error}"
    );
    handles.move_on(Duration::from_hours(24));
    for decide in [
        keys.approve(&custodian(2), first.id).await.err(),
        keys.reject(&custodian(2), first.id).await.err(),
    ] {
        let error = decide.unwrap();
        assert!(
            matches!(error, KeysError::Approval(ApprovalError::Expired)),
            "{error}"
        );
    }
    assert_eq!(keys.get(&custodian(1), key.id).await.unwrap().request, None);
    let second = handles.ask(&world, &key).await;
    let states: Vec<_> = keys
        .requests(&custodian(1))
        .await
        .unwrap()
        .iter()
        .map(|request| (request.id, request.state))
        .collect();
    assert_eq!(
        states,
        [
            (second.id, ApprovalState::Open),
            (first.id, ApprovalState::Expired)
        ]
    );
    keys.approve(&custodian(2), second.id).await.unwrap();
}

async fn a_rejected_request_is_over(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let key = handles.retired(&world, "orders").await;
    let request = handles.ask(&world, &key).await;
    let rejected = keys.reject(&custodian(1), request.id).await.unwrap();
    assert_eq!(
        rejected.state,
        ApprovalState::Rejected,
        "one may take it back oneself"
    );
    assert_eq!(keys.reject(&custodian(2), request.id).await.unwrap(), rejected);
    let late = keys.approve(&custodian(2), request.id).await.unwrap_err();
    assert!(
        matches!(
            late,
            KeysError::Approval(ApprovalError::Decided(ApprovalState::Rejected))
        ),
        "{late}"
    );
    let after = handles.record(&world, &key).await;
    assert_eq!((after.state, after.revision), (key.state, key.revision + 1));
    let second = handles.ask(&world, &after).await;
    keys.approve(&custodian(2), second.id).await.unwrap();
    assert!(handles.start(&world).await.is_ok());
}

async fn the_machine_is_one_person(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let key = handles.retired(&world, "orders").await;
    let operator = ctx_in(HOME);
    let asked = keys
        .request_destruction(&operator, key.id, &ReasonCode::Cessation.into())
        .await
        .unwrap();
    let Destruction::Pending(request) = asked else {
        panic!("{asked:?}");
    };
    let own = keys.approve(&operator, request.id).await.unwrap_err();
    assert!(
        matches!(own, KeysError::Approval(ApprovalError::SamePerson)),
        "{own}"
    );
    keys.approve(&custodian(2), request.id).await.unwrap();
}

async fn a_change_of_the_key_makes_the_request_void(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let key = handles.retired(&world, "orders").await;
    let request = handles.ask(&world, &key).await;
    handles.bring(&world, &key, KeyState::Compromised).await;
    let void = keys.approve(&custodian(2), request.id).await.unwrap_err();
    assert!(matches!(void, KeysError::Approval(ApprovalError::Void)), "{void}");
    let second = handles.ask(&world, &key).await;
    assert_ne!(second.id, request.id, "the void one does not stand in the way");
    keys.approve(&custodian(2), second.id).await.unwrap();
}

/// Moves everything below a tenant key to its successor.
async fn rewrap(world: &World, from: vutf_kernel::KeyId) {
    let all = world.store.list(Some(HOME)).await.unwrap();
    let target = all
        .iter()
        .find(|record| record.purpose == Purpose::Tenant && record.state == KeyState::Active)
        .unwrap();
    let below = world.store.list_wrapped_by(from, None, 500).await.unwrap();
    let plan = plan_data_key_rewrap(&world.keyring, &mut OsEntropy, target, &below).unwrap();
    assert!(plan.refused.is_empty(), "{plan:?}");
    let mut unit = world.unit().await;
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    commit_data_key_rewrap(&ctx_in(HOME), &mut env, &mut *unit, target, &plan.rewraps)
        .await
        .unwrap();
    unit.commit().await.unwrap();
}

async fn a_tenant_key_goes_when_nothing_hangs_under_it(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let destroyed = handles.create(&world, &named("before"), false).await;
    keys.request_destruction(&custodian(1), destroyed.id, &ReasonCode::Cessation.into())
        .await
        .unwrap();
    keys.set_minimum_version(&custodian(1), &Purpose::field("users"), 1)
        .await
        .unwrap();
    let all = world.store.list(Some(HOME)).await.unwrap();
    let old = all
        .iter()
        .find(|record| record.purpose == Purpose::Tenant)
        .unwrap();
    let new = keys.rotate(&custodian(1), &Target::Key(old.id)).await.unwrap();
    let wrapping = keys
        .request_destruction(&custodian(1), old.id, &ReasonCode::Superseded.into())
        .await
        .unwrap_err();
    assert!(
        matches!(wrapping, KeysError::Destruction(DestructionError::StillWraps)),
        "{wrapping}"
    );
    rewrap(&world, old.id).await;
    keys.reload().await.unwrap();
    let request = handles.ask(&world, old).await;
    let gone = keys.approve(&custodian(2), request.id).await.unwrap();
    assert_eq!(gone.state, KeyState::Destroyed);
    let keysets = world.store.keysets(Some(HOME)).await.unwrap();
    assert_eq!(
        keysets[0].authenticated_by, new.id,
        "its successor vouches for what it vouched for"
    );
    assert_eq!(keysets[0].revision, 2);
    let ring = handles.start(&world).await.unwrap();
    let again = plan_keyset(
        &ring,
        Ambient::system().now(),
        &new,
        &Purpose::field("users"),
        Some(&keysets[0]),
        keysets[0].policy.clone(),
    );
    assert!(again.is_ok());
}

async fn requests_outlive_the_tenant_key_that_vouched_for_them(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let mut asked = Vec::new();
    for name in ["asked-again", "rejected", "decided-before"] {
        let key = handles.retired(&world, name).await;
        asked.push((handles.ask(&world, &key).await.id, key));
    }
    let [(void, again), (rejected, _), (decided, _)] = asked.try_into().unwrap();
    keys.reject(&custodian(2), decided).await.unwrap();
    let first = tenant(&world).await;
    let second = keys.rotate(&custodian(1), &Target::Key(first.id)).await.unwrap();
    rewrap(&world, first.id).await;
    keys.reload().await.unwrap();
    let about_first = handles.ask(&world, &first).await;
    keys.rotate(&custodian(1), &Target::Key(second.id)).await.unwrap();
    rewrap(&world, second.id).await;
    keys.reload().await.unwrap();
    let about_second = handles.ask(&world, &second).await;

    assert_eq!(world.store.count(&second).await.unwrap(), Live::Rows(1));
    keys.approve(&custodian(2), about_second.id).await.unwrap();
    assert_eq!(world.store.count(&second).await.unwrap(), Live::Rows(0));
    let view = keys.get(&custodian(1), first.id).await.unwrap();
    assert_eq!(view.request.map(|request| request.id), Some(about_first.id));
    let own = keys.approve(&custodian(1), about_first.id).await.unwrap_err();
    assert!(
        matches!(own, KeysError::Approval(ApprovalError::SamePerson)),
        "{own}"
    );
    assert_eq!(world.store.count(&first).await.unwrap(), Live::Rows(3));
    let gone = keys.approve(&custodian(2), about_first.id).await.unwrap();
    assert_eq!((gone.id, gone.state), (first.id, KeyState::Destroyed));

    let listed = keys.requests(&custodian(1)).await.unwrap();
    let open = listed
        .iter()
        .filter(|request| request.state == ApprovalState::Open);
    assert_eq!(open.count(), 2);
    let late = keys.approve(&custodian(2), void).await.unwrap_err();
    assert!(
        matches!(late, KeysError::Approval(ApprovalError::Void)),
        "its key was rewrapped since: {late}"
    );
    for request in [rejected, decided] {
        let over = keys.reject(&custodian(2), request).await.unwrap();
        assert_eq!(over.state, ApprovalState::Rejected);
    }
    let anew = handles.ask(&world, &again).await;
    keys.approve(&custodian(2), anew.id).await.unwrap();
    assert!(handles.start(&world).await.is_ok());
}

async fn tenant(world: &World) -> KeyRecord {
    let all = world.store.list_tenant_keys(Some(HOME)).await.unwrap();
    all.into_iter()
        .find(|record| record.state == KeyState::Active)
        .unwrap()
}
