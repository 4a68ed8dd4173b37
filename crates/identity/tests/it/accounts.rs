use vutf_identity::{
    Change, DisplayName, Settings, User,
    user::{
        delete::{DeleteUser, delete},
        disable::{Disable, disable},
        enable::{Enable, enable},
        list::{ListUsers, list},
        me,
        register::{Register, register},
        restore::{RestoreUser, restore},
        view::{ViewUser, view},
    },
};
use vutf_kernel::{Class, PageRequest};

use crate::support::{PASSWORD, World, anonymous, email, operator, secret, username};

fn stranger(name: &str, address: &str) -> Register {
    Register {
        invitation: None,
        username: username(name),
        email: email(address),
        password: secret(PASSWORD),
    }
}

#[tokio::test]
async fn a_stranger_registers_and_signs_in() {
    let world = World::new();
    let user = register(&anonymous(), &world.id, stranger("ada", "ada"))
        .await
        .unwrap();
    assert_eq!(world.login("ada").await.user_id, user.id);
    for (name, address) in [("ADA", "other"), ("other", "ada")] {
        let error = register(&anonymous(), &world.id, stranger(name, address))
            .await
            .unwrap_err();
        assert_eq!((error.class(), error.code()), (Class::Conflict, "identity_taken"));
    }
    assert_eq!(
        world.refusals("user.register"),
        ["identity_taken", "identity_taken"]
    );
}

#[tokio::test]
async fn registration_is_closed_by_default_and_an_unproved_address_bars_sign_in() {
    let mut settings = Settings::new("iss", "aud");
    let closed = World::with(settings.clone());
    let error = register(&anonymous(), &closed.id, stranger("ada", "ada"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.class(), error.code()),
        (Class::Forbidden, "registration_closed")
    );
    settings.open_registration = true;
    let strict = World::with(settings);
    register(&anonymous(), &strict.id, stranger("ada", "ada"))
        .await
        .unwrap();
    assert!(strict.try_login("ada", PASSWORD).await.is_err());
    assert_eq!(strict.refusals("session.login"), ["unverified"]);
}

#[tokio::test]
async fn a_deleted_name_is_free_and_a_restore_finds_it_taken() {
    let world = World::new();
    let User { id: user_id, .. } = world.user("ada", &[]).await;
    let gone = |expected_version| DeleteUser {
        user_id,
        expected_version,
    };
    let signed_in = world.login("ada").await;
    assert_eq!(
        delete(&operator(), &world.id, gone(None))
            .await
            .unwrap_err()
            .class(),
        Class::PreconditionRequired
    );
    delete(&operator(), &world.id, gone(Some(1))).await.unwrap();
    assert!(!world.is_live(&signed_in).await);
    assert!(world.try_login("ada", PASSWORD).await.is_err());
    let twin = world.user("ada", &[]).await;
    let back = RestoreUser { user_id };
    assert_eq!(
        restore(&operator(), &world.id, back).await.unwrap_err().code(),
        "identity_taken"
    );
    let gone = DeleteUser {
        user_id: twin.id,
        expected_version: Some(1),
    };
    delete(&operator(), &world.id, gone).await.unwrap();
    restore(&operator(), &world.id, back).await.unwrap();
    assert_eq!(world.login("ada").await.user_id, user_id);
    assert!(!world.is_live(&signed_in).await, "the old session came back");
}

#[tokio::test]
async fn seeing_personal_data_is_logged_with_those_who_were_seen() {
    let world = World::new();
    let mut users = Vec::new();
    for n in 0..5 {
        users.push(world.user(&format!("user-{n}"), &[]).await.id);
    }
    let command = ListUsers {
        page: PageRequest {
            after: None,
            limit: 3,
        },
        ..ListUsers::default()
    };
    let first = list(&operator(), &world.id, command.clone()).await.unwrap();
    let rest = ListUsers {
        page: PageRequest {
            after: first.next,
            limit: 3,
        },
        ..command
    };
    let second = list(&operator(), &world.id, rest).await.unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next), (3, 2, None));
    let command = ViewUser { user_id: users[0] };
    assert_eq!(
        view(&operator(), &world.id, command).await.unwrap().roles,
        ["user"]
    );
    let events = world.store.events();
    let seen: Vec<_> = events
        .iter()
        .filter(|event| event.action == "user.list")
        .collect();
    assert_eq!(
        seen.iter().map(|event| event.subjects.len()).collect::<Vec<_>>(),
        [3, 2]
    );
    assert!(
        events
            .iter()
            .any(|event| event.action == "user.read" && event.subjects == [users[0]])
    );
    // Strangers see nothing, which is logged too.
    assert!(list(&anonymous(), &world.id, ListUsers::default()).await.is_err());
    assert_eq!(world.refusals("user.list"), ["permission_denied"]);
}

#[tokio::test]
async fn one_changes_ones_own_data() {
    let world = World::new();
    world.user("ada", &[]).await;
    let ctx = world.ctx(&world.login("ada").await).await;
    let change = |expected_version| me::UpdateMe {
        expected_version,
        display_name: Change::Set(DisplayName::parse("Ada").unwrap()),
        phone: Change::Keep,
    };
    assert_eq!(
        me::update(&ctx, &world.id, change(None))
            .await
            .unwrap_err()
            .class(),
        Class::PreconditionRequired
    );
    me::update(&ctx, &world.id, change(Some(1))).await.unwrap();
    assert_eq!(
        me::update(&ctx, &world.id, change(Some(1)))
            .await
            .unwrap_err()
            .class(),
        Class::Stale
    );
    let profile = me::view(&ctx, &world.id).await.unwrap().profile;
    assert_eq!(profile.user.display_name.unwrap().expose(), "Ada");
    assert_eq!(
        me::view(&anonymous(), &world.id).await.unwrap_err().class(),
        Class::Unauthenticated
    );
}

#[tokio::test]
async fn switching_off_ends_sessions_for_good() {
    let world = World::new();
    let user_id = world.user("ada", &[]).await.id;
    let signed_in = world.login("ada").await;
    assert!(world.is_live(&signed_in).await);
    disable(&operator(), &world.id, Disable { user_id })
        .await
        .unwrap();
    assert!(!world.is_live(&signed_in).await);
    assert_eq!(
        disable(&operator(), &world.id, Disable { user_id })
            .await
            .unwrap_err()
            .code(),
        "account_state"
    );
    enable(&operator(), &world.id, Enable { user_id }).await.unwrap();
    assert!(!world.is_live(&signed_in).await);
    world.login("ada").await;
}
