//! The use cases of the key registry: who may, in which tenant, what is recorded, and what a lost race looks like.

use vutf_app::keys::{KeysError, Target};
use vutf_crypto_keys::{KeyState, Purpose};
use vutf_identity::role::permission;
use vutf_kernel::{Class, Fault, KeyId, Permission};
use vutf_store_seaorm::key_purposes;
use vutf_testkit::{contracts::NEIGHBOUR, factory::Factory};

use crate::{
    keys_world::{Handles, person},
    world::{World, ctx_in},
};

on_both!(
    a_list_is_of_one_tenant_and_is_an_event,
    without_the_permission_nothing_is_shown_or_made_and_the_refusal_is_recorded,
    of_two_rotations_at_once_one_is_done_and_the_other_is_told,
    a_key_of_another_tenant_is_not_there,
    a_purpose_that_needs_more_than_a_new_key_is_refused,
    a_key_that_was_made_once_is_never_made_again,
    a_version_that_was_taken_back_is_missed
);

const HOME: vutf_kernel::OrganizationId = vutf_kernel::OrganizationId::DEFAULT;

fn user(grants: &[Permission]) -> vutf_kernel::Ctx {
    person(7, grants)
}

async fn events(world: &World, action: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM audit_intake WHERE action = '{action}'");
    world.number(&sql).await
}

async fn a_list_is_of_one_tenant_and_is_an_event(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let own = keys.list(&user(&[permission::KEYS_READ])).await.unwrap();
    assert!(own.iter().all(|record| record.organization_id == HOME));
    assert_eq!(own.len(), key_purposes().len() + 1, "and the tenant key");
    assert!(own.is_sorted_by_key(|record| (record.purpose.clone(), record.version)));
    let theirs = keys.list(&ctx_in(NEIGHBOUR)).await.unwrap();
    assert!(theirs.iter().all(|record| record.organization_id == NEIGHBOUR));
    assert_eq!(events(&world, "key.list").await, 2);
}

async fn without_the_permission_nothing_is_shown_or_made_and_the_refusal_is_recorded(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let before = world.number("SELECT COUNT(*) FROM crypto_keys").await;
    let shown = keys.list(&user(&[permission::KEYS_MANAGE])).await.unwrap_err();
    let target = Target::Purpose(Purpose::field("users"));
    let made = keys
        .rotate(&user(&[permission::KEYS_READ]), &target)
        .await
        .unwrap_err();
    for error in [shown, made] {
        assert_eq!(error.class(), Class::Forbidden, "{error}");
    }
    assert_eq!(world.number("SELECT COUNT(*) FROM crypto_keys").await, before);
    for action in ["key.list", "key.rotate"] {
        assert_eq!(events(&world, action).await, 1, "{action}");
    }
}

async fn of_two_rotations_at_once_one_is_done_and_the_other_is_told(world: World) {
    let handles = Handles::new();
    let ctx = user(&[permission::KEYS_MANAGE, permission::KEYS_READ]);
    let (mut done, mut told) = (0_u32, 0_u32);
    // Whether two overlap is up to the scheduler: until they did, and not for ever.
    for round in 0..200 {
        if round >= 8 && told > 0 {
            break;
        }
        let target = Target::Purpose(Purpose::field("users"));
        let (first, second) = (handles.keys(&world), handles.keys(&world));
        let both = tokio::join!(first.rotate(&ctx, &target), second.rotate(&ctx, &target));
        for answer in [both.0, both.1] {
            match answer {
                Ok(made) => {
                    done += 1;
                    assert_eq!(
                        (made.state, &made.purpose),
                        (KeyState::Active, &Purpose::field("users"))
                    );
                }
                Err(KeysError::RotatedMeanwhile) => told += 1,
                // SQLite has one writer: who waits too long for it is told so.
                Err(KeysError::Port(error)) if error.fault == Fault::Contention => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(done >= 8 && told > 0, "{done} done, {told} told");
    let keys = handles.keys(&world).list(&ctx).await.unwrap();
    let versions: Vec<_> = keys
        .iter()
        .filter(|record| record.purpose == Purpose::field("users"))
        .map(|record| (record.version, record.state))
        .collect();
    assert_eq!(versions.len(), done as usize + 1);
    let (last, earlier) = versions.split_last().unwrap();
    assert_eq!(*last, (done + 1, KeyState::Active));
    assert!(earlier.iter().all(|(_, state)| *state == KeyState::Deactivated));
    // Each attempt is an event, whichever way it ended.
    assert_eq!(events(&world, "key.rotate").await, i64::from(done + told));
}

async fn a_key_of_another_tenant_is_not_there(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let theirs = keys.list(&ctx_in(NEIGHBOUR)).await.unwrap();
    let theirs = theirs
        .iter()
        .find(|record| record.purpose.rotates_alone())
        .unwrap();
    for id in [theirs.id, KeyId::from_uuid(Factory::new(9).id())] {
        let error = keys.rotate(&ctx_in(HOME), &Target::Key(id)).await.unwrap_err();
        assert!(matches!(error, KeysError::NotFound), "{error}");
    }
    let made = keys
        .rotate(&ctx_in(NEIGHBOUR), &Target::Key(theirs.id))
        .await
        .unwrap();
    assert_eq!((made.organization_id, made.version), (NEIGHBOUR, 2));
}

async fn a_purpose_that_needs_more_than_a_new_key_is_refused(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let records = keys.list(&ctx_in(HOME)).await.unwrap();
    let mut refused = 0;
    for record in records.iter().filter(|record| !record.purpose.is_rotatable()) {
        let error = keys
            .rotate(&ctx_in(HOME), &Target::Key(record.id))
            .await
            .unwrap_err();
        assert!(matches!(error, KeysError::NotRotatable(_)), "{error}");
        refused += 1;
    }
    assert!(refused > 0, "an index key at least");
}

/// What a start does.
async fn start_again(world: &World, handles: &Handles) -> Result<(), KeysError> {
    let keys = handles.keys(world);
    keys.ensure(&ctx_in(HOME), &key_purposes(), &world.store)
        .await
        .map(|_| ())
}

async fn a_key_that_was_made_once_is_never_made_again(world: World) {
    let handles = Handles::new();
    start_again(&world, &handles).await.unwrap();
    for purpose in ["index:users.email", "tenant"] {
        let gone = world
            .sql(&format!("DELETE FROM crypto_keys WHERE purpose = '{purpose}'"))
            .await;
        assert_eq!(gone, 2, "one in each tenant");
        let error = start_again(&world, &handles).await.unwrap_err();
        assert!(matches!(&error, KeysError::Lost { version: 1, .. }), "{error}");
    }
    world.sql("DELETE FROM crypto_keys").await;
    let error = start_again(&world, &handles).await.unwrap_err();
    assert!(matches!(error, KeysError::Lost { .. }), "{error}");
}

async fn a_version_that_was_taken_back_is_missed(world: World) {
    let handles = Handles::new();
    let users = Purpose::field("users");
    handles
        .keys(&world)
        .rotate(&ctx_in(HOME), &Target::Purpose(users.clone()))
        .await
        .unwrap();
    start_again(&world, &handles).await.unwrap();
    world
        .sql("DELETE FROM crypto_keys WHERE purpose = 'field:users' AND key_version = 2")
        .await;
    let error = start_again(&world, &handles).await.unwrap_err();
    assert!(
        matches!(&error, KeysError::Lost { purpose, version: 2 } if *purpose == users),
        "{error}"
    );
}
