//! A role demands a second factor some time after it was given.

use std::time::Duration;

use vutf_identity::{
    mfa::{
        TotpSecret,
        confirm::{Confirm, confirm},
        enrol::enrol,
    },
    role::{
        assign::{AssignRoles, assign},
        permission,
    },
    session::{Caller, SignedIn, authenticate},
};
use vutf_kernel::{Origin, Permission};

use crate::support::{World, operator, request};

const DAY: Duration = Duration::from_hours(24);

impl World {
    async fn caller(&self, signed_in: &SignedIn) -> Caller {
        authenticate(&self.id, signed_in.access_token.expose())
            .await
            .unwrap()
    }
    async fn may(&self, signed_in: &SignedIn, permission: &Permission) -> bool {
        let caller = self.caller(signed_in).await;
        caller.ctx(request(), Origin::default()).may(permission)
    }
}

#[tokio::test]
async fn the_first_week_is_free_and_then_nothing_is_left_but_ones_own_account() {
    let world = World::new();
    world.admin("ada").await;
    let moment = Duration::from_secs(1);
    world.pass(DAY * 6 + Duration::from_secs(24 * 60 * 60 - 1));
    let signed_in = world.login("ada").await;
    assert!(world.may(&signed_in, &permission::USERS_READ).await);
    world.pass(moment);
    let caller = world.caller(&signed_in).await;
    assert!(caller.confined);
    assert!(!world.may(&signed_in, &permission::USERS_READ).await);
    assert!(world.may(&signed_in, &permission::SELF_MANAGE).await);
    let ctx = caller.ctx(request(), Origin::default());
    let made = enrol(&ctx, &world.id).await.unwrap();
    let app = TotpSecret::from_base32(made.secret.expose()).unwrap();
    let code = app.code(world.now());
    confirm(&ctx, &world.id, Confirm { code }).await.unwrap();
    assert!(!world.caller(&signed_in).await.confined);
    assert!(world.may(&signed_in, &permission::USERS_READ).await);
}

#[tokio::test]
async fn it_counts_from_the_day_the_role_was_given() {
    let world = World::new();
    let user = world.user("grace", &[]).await;
    world.pass(DAY * 20);
    let give = async |version: i64, roles: &[&str]| {
        let command = AssignRoles {
            user_id: user.id,
            expected_version: Some(version),
            roles: roles.iter().map(ToString::to_string).collect(),
        };
        assign(&operator(), &world.id, command).await.unwrap().user
    };
    let user = give(user.stamps.version, &["user", "auditor"]).await;
    let confined = async || {
        let again = world.login("grace").await;
        world.caller(&again).await.confined
    };
    assert!(!confined().await);
    world.pass(DAY * 5);
    // What is given once more was given when it was given.
    give(user.stamps.version, &["admin", "auditor", "user"]).await;
    assert!(!confined().await);
    world.pass(DAY * 2);
    assert!(confined().await);
}
