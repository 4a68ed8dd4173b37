//! What an administrator of the database can do to passkeys, and how each attempt is noticed; what a rotation of their keys leaves
//! as it was; and how many people have which factors.

use vutf_app::keys::Target;
use vutf_crypto_keys::Purpose;
use vutf_identity::{
    User, UserStatus,
    mfa::adoption::{Adoption, AdoptionReader as _},
    passkey::Passkey,
};
use vutf_kernel::OrganizationId;
use vutf_testkit::factory::Factory;

use crate::{
    dba_mfa,
    keys_world::Handles,
    world::{World, ctx_in},
};

on_both!(
    a_passkey_that_was_changed_lets_nobody_in,
    a_passkey_that_was_moved_is_nobodys,
    a_dump_shows_no_names,
    a_name_outlives_a_rotation_of_its_key,
    persons_are_counted_by_their_factors
);

const HOME: OrganizationId = OrganizationId::DEFAULT;

async fn owner(world: &World, factory: &mut Factory) -> (User, Passkey) {
    let user = factory.user();
    let passkey = factory.passkey(&user);
    let mut unit = world.unit().await;
    unit.users().insert(&user).await.unwrap();
    unit.passkeys().insert(&passkey).await.unwrap();
    unit.commit().await.unwrap();
    (user, passkey)
}

/// The refusal names table, column and row.
async fn refused(world: &World, passkey: &Passkey, column: &str) {
    let mut unit = world.unit().await;
    let answer = unit
        .passkeys()
        .find_credential(HOME, &passkey.credential_id)
        .await;
    let text = answer.unwrap_err().chain();
    let place = format!("passkeys.{column} of row {}", passkey.id);
    assert!(text.contains(&place), "{text}");
}

async fn a_passkey_that_was_changed_lets_nobody_in(world: World) {
    let mut factory = Factory::new(0x9A1);
    for change in [
        // A copy of the authenticator would be the first again.
        "sign_count = 0".to_owned(),
        // Whoever gives the row a key of their own signs in as its owner.
        format!("public_key = {}", world.bytes(&[7; 32])),
        "backup_eligible = FALSE".to_owned(),
        "backed_up = TRUE".to_owned(),
        "password_changed_at = NULL".to_owned(),
    ] {
        let (_, passkey) = owner(&world, &mut factory).await;
        let id = world.id(passkey.id.as_uuid());
        world
            .sql(&format!("UPDATE passkeys SET {change} WHERE id = {id}"))
            .await;
        refused(&world, &passkey, "row_mac").await;
    }
}

async fn a_passkey_that_was_moved_is_nobodys(world: World) {
    let mut factory = Factory::new(0x9A2);
    let ((victim, _), (_, own)) = (
        owner(&world, &mut factory).await,
        owner(&world, &mut factory).await,
    );
    let [to, row] = [victim.id.as_uuid(), own.id.as_uuid()].map(|id| world.id(id));
    world
        .sql(&format!("UPDATE passkeys SET user_id = {to} WHERE id = {row}"))
        .await;
    // What is sealed under one person's key does not open as another's.
    refused(&world, &own, "name_ct").await;
}

async fn a_dump_shows_no_names(world: World) {
    let mut factory = Factory::new(0x9A3);
    let (_, passkey) = owner(&world, &mut factory).await;
    let rows = world.rows("SELECT name_ct FROM passkeys").await;
    let sealed: Vec<u8> = rows[0].try_get_by_index(0).unwrap();
    let name = passkey.name.expose().as_bytes();
    assert!(sealed.windows(name.len()).all(|window| window != name));
}

async fn a_name_outlives_a_rotation_of_its_key(world: World) {
    let mut factory = Factory::new(0x9A4);
    let (user, passkey) = owner(&world, &mut factory).await;
    let handles = Handles::new();
    let target = Target::Purpose(Purpose::field("passkeys"));
    handles.keys(&world).rotate(&ctx_in(HOME), &target).await.unwrap();
    let mut unit = world.unit().await;
    let found = unit.passkeys().of_user(HOME, user.id).await.unwrap();
    assert_eq!(found, [passkey]);
}

async fn persons_are_counted_by_their_factors(world: World) {
    let mut factory = Factory::new(0x9A5);
    let count = async || world.store.adoption().await.unwrap();
    assert_eq!(count().await, Adoption::default());
    // One with nothing, one with a passkey, one with both, one with an app; a program and somebody who is locked do not count.
    let (plain, mut locked) = (factory.user(), factory.user());
    locked.status = UserStatus::Locked;
    let (both, program) = (factory.user(), factory.program());
    owner(&world, &mut factory).await;
    let mut unit = world.unit().await;
    for user in [&plain, &locked, &both, &program] {
        unit.users().insert(user).await.unwrap();
    }
    dba_mfa::credentials(&mut *unit, &mut factory, &both).await;
    unit.commit().await.unwrap();
    dba_mfa::person(&world, &mut factory).await;
    let expected = Adoption {
        none: 1,
        totp: 1,
        passkey: 1,
        both: 1,
    };
    assert_eq!(count().await, expected);
}
