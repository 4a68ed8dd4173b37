//! Where one way into an account meets another: a key, a mailed link and an administrator are no way around one another.

use vutf_identity::{
    Change, RuleError,
    user::{
        object_email::{ObjectEmail, object_email},
        revoke_sessions::{RevokeSessions, revoke_sessions},
        update::{UpdateError, UpdateUser, update},
        view::{ViewUser, view},
    },
};
use vutf_kernel::{Ctx, UserId};

use crate::{
    recovery::{changing, confirmed, mailing},
    support::{World, anonymous, email, operator, secret},
};

async fn set_address(world: &World, ctx: &Ctx, user: UserId, to: &str) -> Result<(), UpdateError> {
    let found = view(&operator(), &world.id, ViewUser { user_id: user }).await;
    let version = found.unwrap().user.stamps.version;
    let command = UpdateUser {
        user_id: user,
        expected_version: Some(version),
        username: None,
        email: Some(email(to)),
        display_name: Change::Keep,
        phone: Change::Keep,
    };
    update(ctx, &world.id, command).await.map(|_user| ())
}

#[tokio::test]
async fn whoever_has_the_address_has_the_account() {
    let world = mailing(true);
    let admin = world.admin("root").await;
    let (grace, _) = world.person("grace", &[]).await;
    let ctx = world.ctx(&world.login("root").await).await;
    let own = set_address(&world, &ctx, admin.id, "elsewhere").await;
    assert!(matches!(own, Err(UpdateError::Rule(RuleError::OwnAccount))));
    let made = world.key(&ctx, &["users:write"]).await;
    let by_key = set_address(&world, &world.by_key(&made).await, grace.id, "elsewhere").await;
    assert!(matches!(by_key, Err(UpdateError::Rule(RuleError::Exceeds))));
    world.caught().await;
    set_address(&world, &ctx, grace.id, "elsewhere").await.unwrap();
    let told = world.caught().await;
    assert_eq!((told.len(), told[0].to[0].as_str()), (1, "grace@example.org"));
}

#[tokio::test]
async fn an_administrator_who_sets_an_address_ends_no_objection() {
    let world = mailing(true);
    let (grace, ctx) = world.person("grace", &[]).await;
    let (change, object) = changing(&world, &ctx, "mallory").await;
    confirmed(&world, &change).await.unwrap();
    set_address(&world, &operator(), grace.id, "third").await.unwrap();
    let token = secret(&object);
    let objected = object_email(&anonymous(), &world.id, ObjectEmail { token })
        .await
        .unwrap();
    assert!(objected.address_restored);
}

#[tokio::test]
async fn an_objection_ends_the_keys_of_whoever_was_in() {
    let world = mailing(true);
    let (_, ctx) = world.person("grace", &[]).await;
    let made = world.key(&ctx, &["self:manage"]).await;
    let (change, object) = changing(&world, &ctx, "mallory").await;
    confirmed(&world, &change).await.unwrap();
    assert_eq!(world.why(&made).await, None);
    let token = secret(&object);
    object_email(&anonymous(), &world.id, ObjectEmail { token })
        .await
        .unwrap();
    assert_eq!(world.why(&made).await, Some("api_key_revoked"));
}

#[tokio::test]
async fn what_was_asked_for_in_a_session_ends_with_it() {
    let world = mailing(true);
    let (grace, ctx) = world.person("grace", &[]).await;
    let (change, _) = changing(&world, &ctx, "mallory").await;
    revoke_sessions(&operator(), &world.id, RevokeSessions { user_id: grace.id })
        .await
        .unwrap();
    assert!(confirmed(&world, &change).await.is_err());
    let ctx = world.ctx(&world.login("grace").await).await;
    let (change, _) = changing(&world, &ctx, "mallory").await;
    vutf_identity::session::revoke::revoke_others(&ctx, &world.id)
        .await
        .unwrap();
    assert!(confirmed(&world, &change).await.is_err());
}
