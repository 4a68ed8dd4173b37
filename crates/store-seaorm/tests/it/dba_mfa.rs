//! What an administrator of the database can do to second factors, and how each attempt is noticed; and what a rotation of
//! their keys leaves as it was.

use vutf_app::{UnitOfWork, keys::Target};
use vutf_crypto_keys::Purpose;
use vutf_identity::{User, mfa::TotpFactor};
use vutf_kernel::{OrganizationId, PortError};
use vutf_testkit::factory::Factory;

use crate::{
    keys_world::Handles,
    world::{World, ctx_in},
};

on_both!(
    a_step_that_was_rolled_back_is_refused,
    a_secret_that_was_moved_is_refused,
    a_factor_that_somebody_else_confirmed_is_refused,
    a_backup_code_that_was_moved_is_nobodys,
    a_secret_outlives_a_rotation_of_its_key
);

const HOME: OrganizationId = OrganizationId::DEFAULT;

pub(crate) async fn person(world: &World, factory: &mut Factory) -> (User, TotpFactor) {
    let user = factory.user();
    let pending = factory.totp_factor(&user);
    let confirmed = TotpFactor {
        confirmed_at: Some(factory.now()),
        last_step: 5,
        ..pending.clone()
    };
    let mut unit = world.unit().await;
    unit.users().insert(&user).await.unwrap();
    unit.mfa().enrol(&pending).await.unwrap();
    assert!(unit.mfa().confirm(&confirmed).await.unwrap());
    unit.commit().await.unwrap();
    (user, confirmed)
}

/// One row of each kind for `user`, ten of backup codes, and an API key.
pub(crate) async fn credentials(unit: &mut dyn UnitOfWork, factory: &mut Factory, user: &User) {
    let factor = TotpFactor {
        confirmed_at: Some(factory.now()),
        ..factory.totp_factor(user)
    };
    unit.mfa().enrol(&factor).await.unwrap();
    let codes = factory.backup_codes();
    let kept = unit.mfa().put_codes(HOME, user.id, &codes, factory.now()).await;
    kept.unwrap();
    let opened = unit.mfa().open_challenge(&factory.mfa_challenge(user)).await;
    opened.unwrap();
    unit.api_keys().insert(&factory.api_key(user)).await.unwrap();
    unit.passkeys().insert(&factory.passkey(user)).await.unwrap();
    let opened = unit.passkeys().open_challenge(&factory.ceremony(user)).await;
    opened.unwrap();
}

/// The refusal names table, column and row.
async fn refused(world: &World, user: &User, factor: &TotpFactor, column: &str) {
    let mut unit = world.unit().await;
    let answer: Result<_, PortError> = unit.mfa().confirmed(HOME, user.id).await;
    let text = answer.unwrap_err().chain();
    let place = format!("totp_factors.{column} of row {}", factor.id);
    assert!(text.contains(&place), "{text}");
}

/// A code that was used would be good again.
async fn a_step_that_was_rolled_back_is_refused(world: World) {
    let mut factory = Factory::new(0x3FA1);
    let (user, factor) = person(&world, &mut factory).await;
    let mut unit = world.unit().await;
    assert!(unit.mfa().use_step(&factor, 6, factory.now()).await.unwrap());
    unit.commit().await.unwrap();
    world.sql("UPDATE totp_factors SET last_step = 5").await;
    refused(&world, &user, &factor, "row_mac").await;
}

/// Whoever gives somebody else's row their own secret could sign in with their own app.
async fn a_secret_that_was_moved_is_refused(world: World) {
    let mut factory = Factory::new(0x3FA2);
    let ((victim, theirs), (_, own)) = (
        person(&world, &mut factory).await,
        person(&world, &mut factory).await,
    );
    let [to, from] = [&theirs, &own].map(|factor| world.id(factor.id.as_uuid()));
    world
        .sql(&format!(
            "UPDATE totp_factors SET secret_ct = (SELECT secret_ct FROM totp_factors WHERE id = {from}) WHERE id = {to}"
        ))
        .await;
    refused(&world, &victim, &theirs, "secret_ct").await;
}

async fn a_factor_that_somebody_else_confirmed_is_refused(world: World) {
    let mut factory = Factory::new(0x3FA3);
    let (user, before) = person(&world, &mut factory).await;
    let pending = factory.totp_factor(&user);
    let mut unit = world.unit().await;
    unit.mfa().enrol(&pending).await.unwrap();
    unit.commit().await.unwrap();
    let id = world.id(before.id.as_uuid());
    world
        .sql(&format!("DELETE FROM totp_factors WHERE id = {id}"))
        .await;
    world.sql("UPDATE totp_factors SET confirmed_at = 1").await;
    refused(&world, &user, &pending, "row_mac").await;
}

async fn a_backup_code_that_was_moved_is_nobodys(world: World) {
    let mut factory = Factory::new(0x3FA4);
    let ((victim, _), (own, _)) = (
        person(&world, &mut factory).await,
        person(&world, &mut factory).await,
    );
    let codes = factory.backup_codes();
    let mut unit = world.unit().await;
    unit.mfa()
        .put_codes(HOME, own.id, &codes, factory.now())
        .await
        .unwrap();
    unit.commit().await.unwrap();
    let id = world.id(victim.id.as_uuid());
    world
        .sql(&format!("UPDATE backup_codes SET user_id = {id}"))
        .await;
    let mut unit = world.unit().await;
    assert_eq!(unit.mfa().codes_left(HOME, victim.id).await.unwrap(), 10);
    assert!(!unit.mfa().use_code(HOME, victim.id, &codes[0]).await.unwrap());
}

async fn a_secret_outlives_a_rotation_of_its_key(world: World) {
    let mut factory = Factory::new(0x3FA5);
    let (user, factor) = person(&world, &mut factory).await;
    let handles = Handles::new();
    let target = Target::Purpose(Purpose::field("totp_factors"));
    handles.keys(&world).rotate(&ctx_in(HOME), &target).await.unwrap();
    let mut unit = world.unit().await;
    let found = unit.mfa().confirmed(HOME, user.id).await.unwrap().unwrap();
    assert_eq!(found.secret, factor.secret);
    assert!(unit.mfa().use_step(&found, 6, factory.now()).await.unwrap());
    unit.commit().await.unwrap();
    let mut unit = world.unit().await;
    let found = unit.mfa().confirmed(HOME, user.id).await.unwrap().unwrap();
    assert_eq!(found.last_step, 6);
}
