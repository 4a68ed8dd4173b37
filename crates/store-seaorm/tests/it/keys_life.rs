//! A key's life through the use cases: what each step changes, refuses and records.

use std::time::Duration;

use vutf_app::keys::{KeyRef, KeysError, KeysetChange, NewKey, Target};
use vutf_crypto_keys::{
    CryptoError, FieldRef, KeyReader as _, KeyState, Keyring, LifecycleReader as _, Live, Purpose, Reason,
    ReasonCode, Usage, UsageDelta, due::to_reencrypt, plan_usage,
};
use vutf_kernel::{Class, OsEntropy};
use vutf_testkit::factory::Factory;

use crate::{
    keys_world::{HOME, Handles, custodian, events, named, person},
    world::World,
};

on_both!(
    each_step_is_a_line_and_an_event,
    the_next_version_waits_until_it_is_activated,
    an_older_version_never_takes_the_place_of_a_newer,
    what_the_service_needs_is_not_put_aside,
    a_compromised_key_gets_a_successor_at_once,
    only_the_revision_that_was_read_is_changed,
    what_cannot_be_made_is_refused,
    a_minimum_version_reaches_every_replica_and_gives_up_no_row,
    what_is_due_is_rotated_once,
    use_is_written_down_and_makes_a_key_due,
    nobody_without_the_right_changes_anything
);

const DAY: Duration = Duration::from_hours(24);
const EMAIL: FieldRef<'static> = FieldRef {
    organization_id: HOME,
    table: "users",
    column: "email",
    row: b"r",
    subject: None,
};

fn users() -> Purpose {
    Purpose::field("users")
}

fn reason() -> Reason {
    Reason::new(ReasonCode::Investigation, Some("INC-7")).unwrap()
}

fn version_of(sealed: &[u8]) -> u32 {
    u32::from_be_bytes(sealed[20..24].try_into().unwrap())
}

fn seal(ring: &Keyring) -> Vec<u8> {
    ring.seal(&EMAIL, b"x", &mut OsEntropy).unwrap()
}

async fn each_step_is_a_line_and_an_event(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let made = handles.create(&world, &named("orders"), false).await;
    assert_eq!(
        (made.state, made.activated_at, made.not_after),
        (KeyState::PreActivation, None, None)
    );
    let steps = [
        KeyState::Active,
        KeyState::Suspended,
        KeyState::Active,
        KeyState::Deactivated,
        KeyState::Compromised,
    ];
    for next in steps {
        let done = keys
            .transition(&custodian(1), made.id, next, &reason())
            .await
            .unwrap();
        assert_eq!(done.state, next);
    }
    let view = keys.get(&custodian(1), made.id).await.unwrap();
    assert_eq!((view.record.revision, view.minimum_version), (6, 1));
    assert!(view.record.not_after.is_some());
    let line: Vec<_> = view
        .transitions
        .iter()
        .map(|line| (line.from, line.to, line.revision))
        .collect();
    let mut from = Some(KeyState::PreActivation);
    let mut expected = vec![(None, KeyState::PreActivation, 1)];
    for (next, revision) in steps.into_iter().zip(2..) {
        expected.push((from, next, revision));
        from = Some(next);
    }
    assert_eq!(line, expected);
    let last = view.transitions.last().unwrap();
    assert_eq!(
        (last.reason.note(), last.actor_kind.as_str()),
        (Some("INC-7"), "user")
    );
    for line in &view.transitions {
        let id = world.id(line.event_id.as_uuid());
        let told = world
            .number(&format!("SELECT COUNT(*) FROM audit_intake WHERE id = {id}"))
            .await;
        assert_eq!(told, 1, "its event is there");
    }
    for (action, times) in [
        ("key.activate", 2),
        ("key.suspend", 1),
        ("key.compromise", 1),
        ("key.read", 1),
    ] {
        assert_eq!(events(&world, action, "success").await, times, "{action}");
    }
    let error = keys
        .transition(&custodian(1), made.id, KeyState::Active, &reason())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            KeysError::Transition {
                from: KeyState::Compromised,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(events(&world, "key.activate", "refused").await, 1);
    assert!(handles.start(&world).await.is_ok());
}

async fn the_next_version_waits_until_it_is_activated(world: World) {
    let handles = Handles::new();
    let waiting = handles.create(&world, &users(), false).await;
    assert_eq!((waiting.version, waiting.state), (2, KeyState::PreActivation));
    assert_eq!(version_of(&seal(&world.keyring)), 1);
    let active = handles.bring(&world, &waiting, KeyState::Active).await;
    assert!(active.activated_at.is_some());
    assert_eq!(version_of(&seal(&world.keyring)), 2);
    let all = world.store.list(Some(HOME)).await.unwrap();
    let states: Vec<_> = all
        .iter()
        .filter(|record| record.purpose == users())
        .map(|record| (record.version, record.state))
        .collect();
    assert!(
        states.contains(&(1, KeyState::Deactivated)) && states.len() == 2,
        "{states:?}"
    );
}

async fn an_older_version_never_takes_the_place_of_a_newer(world: World) {
    let handles = Handles::new();
    let first = handles.create(&world, &named("orders"), true).await;
    let suspended = handles.bring(&world, &first, KeyState::Suspended).await;
    let keys = handles.keys(&world);
    keys.rotate(&custodian(1), &Target::Key(suspended.id))
        .await
        .unwrap();
    let error = keys
        .transition(&custodian(1), first.id, KeyState::Active, &reason())
        .await
        .unwrap_err();
    assert!(matches!(error, KeysError::Superseded), "{error}");
}

async fn what_the_service_needs_is_not_put_aside(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    for record in keys.list(&custodian(1)).await.unwrap() {
        for next in [KeyState::Suspended, KeyState::Deactivated] {
            let error = keys
                .transition(&custodian(1), record.id, next, &reason())
                .await
                .unwrap_err();
            assert!(
                matches!(&error, KeysError::InUse(purpose) if *purpose == record.purpose),
                "{error}"
            );
        }
        for next in [KeyState::PreActivation, KeyState::Destroyed] {
            let error = keys
                .transition(&custodian(1), record.id, next, &reason())
                .await
                .unwrap_err();
            assert!(matches!(error, KeysError::Transition { .. }), "{error}");
        }
    }
    seal(&world.keyring);
}

async fn a_compromised_key_gets_a_successor_at_once(world: World) {
    let handles = Handles::new();
    let sealed = seal(&world.keyring);
    let all = world.store.list(Some(HOME)).await.unwrap();
    let wanted = [users(), Purpose::index("users", "email"), Purpose::Tenant];
    for purpose in &wanted {
        let old = all.iter().find(|record| record.purpose == *purpose).unwrap();
        let done = handles.bring(&world, old, KeyState::Compromised).await;
        assert_eq!((done.id, done.state), (old.id, KeyState::Compromised));
    }
    // The second version went with the tenant key that it hung under.
    assert_eq!(version_of(&seal(&world.keyring)), 3);
    let before = world.keyring.flagged_uses();
    world.keyring.open(&EMAIL, &sealed).unwrap();
    assert_eq!(
        world.keyring.flagged_uses(),
        before + 1,
        "it still reads, and that is counted"
    );
    let now = world.store.list(Some(HOME)).await.unwrap();
    let keysets = world.store.keysets(Some(HOME)).await.unwrap();
    let again = to_reencrypt(&now, &keysets);
    for purpose in &wanted {
        assert!(again.contains(&(HOME, purpose.clone())), "{purpose}");
    }
    let (lost, left): (Vec<_>, Vec<_>) = now
        .iter()
        .partition(|record| record.state == KeyState::Compromised);
    let hint = format!("{} compromised, {} not", lost.len(), left.len());
    assert!(
        left.iter().all(|record| record.state == KeyState::Active),
        "{hint}"
    );
    assert_eq!(left.len(), all.len(), "each purpose has an active key: {hint}");
    let compromised = i64::try_from(lost.len()).unwrap();
    assert_eq!(events(&world, "key.compromise", "success").await, compromised);
    world.keyring.self_test().unwrap();
    assert!(handles.start(&world).await.is_ok());
}

async fn only_the_revision_that_was_read_is_changed(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let made = handles.create(&world, &named("orders"), true).await;
    let old = KeyRef::at(made.id, made.revision);
    let suspended = keys
        .transition(&custodian(1), old, KeyState::Suspended, &reason())
        .await
        .unwrap();
    let error = keys
        .transition(&custodian(1), old, KeyState::Active, &reason())
        .await
        .unwrap_err();
    assert_eq!(error.class(), Class::Stale, "{error}");
    let error = keys
        .request_destruction(&custodian(1), old, &reason())
        .await
        .unwrap_err();
    assert_eq!(error.class(), Class::Stale, "{error}");
    assert_eq!(handles.record(&world, &made).await, suspended);
}

async fn what_cannot_be_made_is_refused(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let new = |purpose: Purpose, activate| NewKey {
        purpose,
        activate,
        not_after: None,
    };
    let person = Purpose::subject(vutf_kernel::UserId::from_uuid(Factory::new(3).id()));
    for purpose in [Purpose::Tenant, person, Purpose::field("nowhere"), named("NO")] {
        for activate in [true, false] {
            let error = keys
                .create(&custodian(1), new(purpose.clone(), activate))
                .await
                .unwrap_err();
            assert!(matches!(error, KeysError::NotCreatable(_)), "{purpose}: {error}");
        }
    }
    let over = NewKey {
        not_after: Some(handles.ambient.now()),
        ..new(named("orders"), true)
    };
    assert!(matches!(
        keys.create(&custodian(1), over).await,
        Err(KeysError::PastEnd)
    ));
    let end = handles.ambient.now().plus(DAY);
    let bounded = NewKey {
        not_after: Some(end),
        ..new(named("orders"), true)
    };
    let made = keys.create(&custodian(1), bounded).await.unwrap();
    assert_eq!(made.not_after, Some(end));
    let again = keys.create(&custodian(1), new(named("orders"), true)).await;
    assert!(matches!(again, Err(KeysError::Exists(_))));
    keys.create(&custodian(1), new(named("orders"), false))
        .await
        .unwrap();
    let third = keys.create(&custodian(1), new(named("orders"), false)).await;
    assert!(
        matches!(third, Err(KeysError::Exists(_))),
        "one version waits at a time"
    );
}

async fn a_minimum_version_reaches_every_replica_and_gives_up_no_row(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let old = seal(&world.keyring);
    let (who, purpose) = (custodian(1), users());
    let set = |minimum| keys.set_minimum_version(&who, &purpose, minimum);
    for wrong in [0, 2] {
        let error = set_error(set(wrong).await);
        assert!(
            matches!(error, KeysError::MinimumVersion { newest: 1, .. }),
            "{error}"
        );
    }
    keys.rotate(&custodian(1), &Target::Purpose(users()))
        .await
        .unwrap();
    let (store, other) = world.replica().await;
    set(2).await.unwrap();
    let refused = CryptoError::BelowMinimumVersion {
        version: 1,
        minimum: 2,
    };
    assert_eq!(world.keyring.open(&EMAIL, &old).unwrap_err(), refused);
    assert!(other.open(&EMAIL, &old).is_ok(), "it has not heard of it yet");
    handles.of(&store, &other).reload().await.unwrap();
    assert_eq!(other.open(&EMAIL, &old).unwrap_err(), refused);
    assert_eq!(
        handles
            .start(&world)
            .await
            .unwrap()
            .open(&EMAIL, &old)
            .unwrap_err(),
        refused
    );

    // A row that the active version of the column's index key stands in.
    let user = Factory::new(0x11FE).user();
    let mut unit = world.unit().await;
    unit.users().insert(&user).await.unwrap();
    unit.commit().await.unwrap();
    let email = Purpose::index("users", "email");
    let waiting = handles.create(&world, &email, false).await;
    handles.bring(&world, &waiting, KeyState::Active).await;
    let error = set_error(keys.set_minimum_version(&custodian(1), &email, 2).await);
    assert!(
        matches!(error, KeysError::StillProtects { live: Live::Rows(1) }),
        "{error}"
    );
    let tenant = set_error(keys.set_minimum_version(&custodian(1), &Purpose::Tenant, 1).await);
    assert!(matches!(tenant, KeysError::MinimumVersion { .. }), "{tenant}");
    let nothing = set_error(keys.set_minimum_version(&custodian(1), &named("nobody"), 1).await);
    assert!(matches!(nothing, KeysError::NotFound), "{nothing}");
}

fn set_error<T: std::fmt::Debug>(answer: Result<T, KeysError>) -> KeysError {
    answer.unwrap_err()
}

async fn what_is_due_is_rotated_once(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let system = crate::world::ctx_in(HOME);
    assert!(keys.rotate_due(&system).await.unwrap().is_empty());
    let old = seal(&world.keyring);
    handles.move_on(91 * DAY);
    let made = keys.rotate_due(&system).await.unwrap();
    assert!(
        made.iter()
            .any(|record| record.purpose == users() && record.version == 2)
    );
    assert!(made.iter().all(|record| record.purpose.rotates_alone()));
    assert!(keys.rotate_due(&system).await.unwrap().is_empty());
    assert_eq!(version_of(&seal(&world.keyring)), 2);
    world.keyring.open(&EMAIL, &old).unwrap();
    let first = world.store.list(Some(HOME)).await.unwrap();
    let first = first
        .iter()
        .find(|record| record.purpose == users() && record.version == 1)
        .unwrap();
    let lines = world.store.transitions(first.id).await.unwrap();
    assert_eq!(lines.last().unwrap().reason.code(), ReasonCode::Cryptoperiod);
}

async fn use_is_written_down_and_makes_a_key_due(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let key = world.store.list(Some(HOME)).await.unwrap();
    let key = key
        .iter()
        .find(|record| record.purpose == users())
        .unwrap()
        .clone();
    let limit = Usage {
        messages: 3,
        bytes: 1 << 30,
    };
    let change = KeysetChange {
        limit: Some(Some(limit)),
        ..KeysetChange::default()
    };
    keys.set_policy(&custodian(1), &users(), &change).await.unwrap();
    keys.flush_usage(&crate::world::ctx_in(HOME)).await.unwrap();
    seal(&world.keyring);
    assert_eq!(keys.flush_usage(&crate::world::ctx_in(HOME)).await.unwrap(), 1);
    assert_eq!(keys.flush_usage(&crate::world::ctx_in(HOME)).await.unwrap(), 0);
    assert_eq!(keys.get(&custodian(1), key.id).await.unwrap().usage.messages, 1);
    assert!(
        keys.rotate_due(&crate::world::ctx_in(HOME))
            .await
            .unwrap()
            .is_empty()
    );
    // What another replica did.
    let more = UsageDelta {
        key_id: key.id,
        organization_id: HOME,
        more: Usage {
            messages: 2,
            bytes: 2,
        },
    };
    let rows = world.store.usage(Some(HOME)).await.unwrap();
    let row = rows.into_iter().find(|row| row.key_id == key.id);
    let row = plan_usage(&world.keyring, row.as_ref(), &more).unwrap();
    let mut unit = world.unit().await;
    unit.lifecycle().replace_usage(&row).await.unwrap();
    unit.commit().await.unwrap();
    let made = keys.rotate_due(&crate::world::ctx_in(HOME)).await.unwrap();
    assert_eq!(
        made.iter().map(|record| &record.purpose).collect::<Vec<_>>(),
        [&users()]
    );
}

async fn nobody_without_the_right_changes_anything(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let reader = person(5, &[vutf_identity::role::permission::KEYS_READ]);
    let key = handles.retired(&world, "orders").await;
    let request = handles.ask(&world, &key).await;
    let before = handles.record(&world, &key).await;
    let new = NewKey {
        purpose: named("mine"),
        activate: true,
        not_after: None,
    };
    let refusals = [
        keys.create(&reader, new).await.err(),
        keys.transition(&reader, key.id, KeyState::Compromised, &reason())
            .await
            .err(),
        keys.request_destruction(&reader, key.id, &reason()).await.err(),
        keys.approve(&reader, request.id).await.err(),
        keys.reject(&reader, request.id).await.err(),
        keys.set_minimum_version(&reader, &users(), 1).await.err(),
        keys.rotate_due(&reader).await.err(),
        keys.get(&person(6, &[]), key.id).await.err(),
        keys.requests(&person(6, &[])).await.err(),
        keys.inventory(&person(6, &[])).await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap().class(), Class::Forbidden);
    }
    assert_eq!(handles.record(&world, &key).await, before);
    for action in [
        "key.create",
        "key.compromise",
        "key.destroy_request",
        "key.destroy_approve",
        "key.destroy_reject",
        "keyset.update",
        "key.read",
        "key.list_requests",
        "key.inventory",
    ] {
        assert_eq!(events(&world, action, "refused").await, 1, "{action}");
    }
}
