use std::sync::Arc;

use vutf_identity::{
    Change,
    role::{
        assign::{AssignRoles, assign},
        list,
    },
    user::{
        create::{CreateUser, create},
        delete::{DeleteUser, delete},
        disable::{Disable, disable},
        lock::{Lock, lock},
        update::{UpdateUser, update},
    },
};
use vutf_kernel::{Class, UserId};

use crate::support::{World, anonymous, email, operator, username};

fn roles(user_id: UserId, version: i64, names: &[&str]) -> AssignRoles {
    AssignRoles {
        user_id,
        expected_version: Some(version),
        roles: names.iter().map(ToString::to_string).collect(),
    }
}

#[tokio::test]
async fn new_rights_hold_at_once() {
    let world = World::new();
    let user = world.user("ada", &[]).await;
    let signed_in = world.login("ada").await;
    assert_eq!(
        list::list(&world.ctx(&signed_in).await, &world.id)
            .await
            .unwrap_err()
            .class(),
        Class::Forbidden
    );
    let profile = assign(&operator(), &world.id, roles(user.id, 1, &["auditor"]))
        .await
        .unwrap();
    assert_eq!(
        (profile.roles, profile.user.stamps.version),
        (vec!["auditor".into(), "user".into()], 2)
    );
    assert!(list::list(&world.ctx(&signed_in).await, &world.id).await.is_ok());
    assign(&operator(), &world.id, roles(user.id, 2, &[]))
        .await
        .unwrap();
    assert!(list::list(&world.ctx(&signed_in).await, &world.id).await.is_err());
}

#[tokio::test]
async fn nobody_gives_or_reaches_more_than_they_hold() {
    let world = World::new();
    world.user("boss", &["admin"]).await;
    world.user("clerk", &["user_manager"]).await;
    let plain = world.user("plain", &[]).await;
    let custodian = world.user("custodian", &["key_custodian"]).await;
    let boss = world.ctx(&world.login("boss").await).await;
    let clerk = world.ctx(&world.login("clerk").await).await;

    let error = assign(&boss, &world.id, roles(plain.id, 1, &["super_admin"]))
        .await
        .unwrap_err();
    assert_eq!(
        (error.class(), error.code()),
        (Class::Forbidden, "exceeds_own_rights")
    );
    let error = assign(&boss, &world.id, roles(custodian.id, 1, &[]))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "exceeds_own_rights");
    let error = assign(&clerk, &world.id, roles(plain.id, 1, &["user_manager"]))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "permission_denied");
    assign(&boss, &world.id, roles(plain.id, 1, &["user_manager"]))
        .await
        .unwrap();
    let lock_custodian = Lock {
        user_id: custodian.id,
    };
    assert_eq!(
        lock(&clerk, &world.id, lock_custodian).await.unwrap_err().code(),
        "exceeds_own_rights"
    );
    assert_eq!(
        world.refusals("role.assign"),
        ["exceeds_own_rights", "exceeds_own_rights", "permission_denied"]
    );
    assert_eq!(world.refusals("user.lock"), ["exceeds_own_rights"]);
}

#[tokio::test]
async fn making_a_user_with_roles_needs_the_right_to_give_them() {
    let world = World::new();
    world.user("boss", &["admin"]).await;
    world.user("clerk", &["user_manager"]).await;
    let make = |name: &str, role: &str| CreateUser {
        username: username(name),
        email: email(name),
        password: None,
        display_name: None,
        phone: None,
        roles: vec![role.to_owned()],
    };
    let clerk = world.ctx(&world.login("clerk").await).await;
    let boss = world.ctx(&world.login("boss").await).await;
    let code = async |ctx, command| {
        create(ctx, &world.id, command)
            .await
            .err()
            .map(|error| error.code())
    };
    assert_eq!(code(&clerk, make("one", "user")).await, None);
    assert_eq!(
        code(&clerk, make("two", "user_manager")).await,
        Some("permission_denied")
    );
    assert_eq!(
        code(&boss, make("two", "super_admin")).await,
        Some("exceeds_own_rights")
    );
    assert_eq!(code(&boss, make("two", "emperor")).await, Some("unknown_role"));
    assert_eq!(code(&boss, make("two", "user_manager")).await, None);
    assert_eq!(
        code(&anonymous(), make("three", "user")).await,
        Some("permission_denied")
    );
}

#[tokio::test]
async fn the_last_super_administrator_stays() {
    let world = World::new();
    let root = world.admin("root").await;
    let ctx = world.ctx(&world.login("root").await).await;
    let user_id = root.id;
    let gone = DeleteUser {
        user_id,
        expected_version: Some(1),
    };
    // One's own account first, the last one even for the operator.
    assert_eq!(
        lock(&ctx, &world.id, Lock { user_id }).await.unwrap_err().code(),
        "own_account"
    );
    assert_eq!(
        delete(&ctx, &world.id, gone).await.unwrap_err().code(),
        "own_account"
    );
    let last = "last_super_admin";
    assert_eq!(
        lock(&operator(), &world.id, Lock { user_id })
            .await
            .unwrap_err()
            .code(),
        last
    );
    assert_eq!(
        disable(&operator(), &world.id, Disable { user_id })
            .await
            .unwrap_err()
            .code(),
        last
    );
    assert_eq!(
        delete(&operator(), &world.id, gone).await.unwrap_err().code(),
        last
    );
    let error = assign(&ctx, &world.id, roles(user_id, 1, &["admin"]))
        .await
        .unwrap_err();
    assert_eq!((error.code(), error.class()), (last, Class::Conflict));
    world.admin("second").await;
    assign(&ctx, &world.id, roles(user_id, 1, &["admin"]))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_super_administrators_cannot_remove_each_other_at_once() {
    let world = Arc::new(World::new());
    let users = [world.admin("one").await.id, world.admin("two").await.id];
    let contexts = [
        world.ctx(&world.login("one").await).await,
        world.ctx(&world.login("two").await).await,
    ];
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let (world, ctx, user_id) = (world.clone(), contexts[n % 2].clone(), users[(n + 1) % 2]);
            tokio::spawn(async move { disable(&ctx, &world.id, Disable { user_id }).await.is_ok() })
        })
        .collect();
    let mut disabled = 0;
    for task in tasks {
        disabled += usize::from(task.await.unwrap());
    }
    assert_eq!(disabled, 1);
}

#[tokio::test]
async fn a_change_must_name_the_present_version() {
    let world = World::new();
    let user = world.user("ada", &[]).await;
    world.user("bob", &[]).await;
    let change = |expected_version, name: &str| UpdateUser {
        user_id: user.id,
        expected_version,
        username: Some(username(name)),
        email: None,
        display_name: Change::Keep,
        phone: Change::Keep,
    };
    let class = async |command| {
        update(&operator(), &world.id, command)
            .await
            .map_err(|error| error.class())
    };
    assert_eq!(
        class(change(None, "ada2")).await,
        Err(Class::PreconditionRequired)
    );
    assert_eq!(class(change(Some(7), "ada2")).await, Err(Class::Stale));
    assert_eq!(class(change(Some(1), "bob")).await, Err(Class::Conflict));
    assert_eq!(class(change(Some(1), "ada2")).await.unwrap().stamps.version, 2);
    assert_eq!(class(change(Some(1), "ada3")).await, Err(Class::Stale));
}
