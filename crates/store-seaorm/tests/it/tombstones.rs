//! What is kept of erasures outside the database, and what of it is believed.

use vutf_app::{
    UnitOfWork,
    erasure::{Certificate, ErasureReader as _, Tombstone, certified},
    keys::Keys,
};
use vutf_identity::{User, user::erase::EraseError};
use vutf_kernel::{Ambient, KeyId, OrganizationId, Units, UserId};
use vutf_testkit::factory::Factory;

use crate::{
    erasure::{Site, person},
    world::{World, ctx_in, wrapper},
};

on_both!(
    tombstones_are_made_of_what_the_registry_bears_out,
    a_key_that_was_marked_or_hidden_by_hand_lets_no_erasure_pass,
    a_registry_is_complete_without_the_keys_of_the_erased
);

const HOME: OrganizationId = OrganizationId::DEFAULT;

/// The id of a person's one key.
async fn key_of(site: &Site, user: &User) -> KeyId {
    let units: &dyn Units<dyn UnitOfWork> = &site.store;
    let mut unit = units.begin().await.unwrap();
    let keys = unit.erasures().keys_of(HOME, user.id).await.unwrap();
    unit.rollback().await.unwrap();
    assert_eq!(keys.len(), 1);
    keys[0].id
}

/// `(persons with a proved certificate, certificates that are not borne out)`, of persons who are not known yet.
async fn certified_now(site: &Site, known: &[UserId]) -> (Vec<UserId>, usize) {
    let known = |_, user: UserId| known.contains(&user);
    let page = certified(&site.store, &site.store, &site.keyring, None, &known)
        .await
        .unwrap();
    assert_eq!(page.next, None, "one page");
    let proved = page.tombstones.iter().map(|tombstone| tombstone.subject_id);
    (proved.collect(), page.unproved.len())
}

/// Adds the certificate of `gone`, about `other`.
async fn forge(world: &World, factory: &mut Factory, gone: &Certificate, other: &User) {
    let id = factory.event().id;
    world
        .sql(&format!(
            "INSERT INTO erasures SELECT {}, organization_id, {}, erased_at, \
             REPLACE(REPLACE(certificate, '{}', '{}'), '{}', '{id}') FROM erasures WHERE id = {}",
            world.id(id.as_uuid()),
            world.id(other.id.as_uuid()),
            gone.subject_id,
            other.id,
            gone.event_id,
            world.id(gone.event_id.as_uuid())
        ))
        .await;
}

async fn tombstones_are_made_of_what_the_registry_bears_out(world: World) {
    let mut factory = Factory::new(0xE9);
    let (gone, other) = (
        person(&world, &mut factory).await,
        person(&world, &mut factory).await,
    );
    let site = Site::of(&world);
    let certificate = site.erase(&ctx_in(HOME), &gone.user).await.unwrap();
    assert_eq!(*site.kept.0.lock().unwrap(), [Tombstone::from(&certificate)]);
    assert_eq!(certified_now(&site, &[]).await, (vec![gone.user.id], 0));
    assert_eq!(certified_now(&site, &[gone.user.id]).await, (vec![], 0));

    // Whoever has the database writes a certificate about somebody else: with the key of the first, with theirs, and with
    // theirs in the state of a destroyed one.
    forge(&world, &mut factory, &certificate, &other.user).await;
    assert_eq!(certified_now(&site, &[gone.user.id]).await, (vec![], 1));
    let key = key_of(&site, &other.user).await;
    world
        .sql(if world.is_postgres() {
            "DROP TRIGGER erasures_append_only ON erasures"
        } else {
            "DROP TRIGGER erasures_no_update"
        })
        .await;
    world
        .sql(&format!(
            "UPDATE erasures SET certificate = REPLACE(certificate, '{}', '{key}') WHERE subject_id = {}",
            certificate.keys[0].id,
            world.id(other.user.id.as_uuid())
        ))
        .await;
    assert_eq!(certified_now(&site, &[gone.user.id]).await, (vec![], 1));
    world
        .sql(&format!(
            "UPDATE crypto_keys SET state = 'destroyed' WHERE subject_id = {}",
            world.id(other.user.id.as_uuid())
        ))
        .await;
    assert_eq!(certified_now(&site, &[gone.user.id]).await, (vec![], 1));
    assert_eq!(certified_now(&site, &[]).await, (vec![gone.user.id], 1));

    // To ask for an erasure that is only written there answers no certificate, and leaves no tombstone.
    let refused = site.erase(&ctx_in(HOME), &other.user).await.unwrap_err();
    let EraseError::Port(refused) = refused else {
        panic!("{refused}")
    };
    assert!(
        refused.chain().contains("is not authentic"),
        "{}",
        refused.chain()
    );
    assert_eq!(site.kept.0.lock().unwrap().len(), 1);
    world
        .sql(&format!(
            "DELETE FROM crypto_keys WHERE subject_id = {}",
            world.id(other.user.id.as_uuid())
        ))
        .await;
    let refused = site.erase(&ctx_in(HOME), &other.user).await.unwrap_err();
    let EraseError::Port(refused) = refused else {
        panic!("{refused}")
    };
    assert!(
        refused.chain().contains("does not bear out"),
        "{}",
        refused.chain()
    );
    assert_eq!(site.kept.0.lock().unwrap().len(), 1);

    // A certificate about somebody else than its row.
    let subject = world.id(gone.user.id.as_uuid());
    let other = world.id(other.user.id.as_uuid());
    world
        .sql(&format!(
            "UPDATE erasures SET subject_id = {subject} WHERE subject_id = {other}"
        ))
        .await;
    let read = world.store.certificates(None, 10).await.unwrap_err().chain();
    assert!(read.contains("something else than its row"), "{read}");
}

/// Their key would outlive them: with its wrapped bytes, or in somebody's copy.
async fn a_key_that_was_marked_or_hidden_by_hand_lets_no_erasure_pass(world: World) {
    let mut factory = Factory::new(0xEB);
    let user = person(&world, &mut factory).await.user;
    let site = Site::of(&world);
    let theirs = format!("WHERE subject_id = {}", world.id(user.id.as_uuid()));
    for (edit, told) in [
        (
            format!("UPDATE crypto_keys SET state = 'destroyed' {theirs}"),
            "is not authentic",
        ),
        (
            format!("DELETE FROM crypto_keys {theirs}"),
            "no key of the person",
        ),
    ] {
        world.sql(&edit).await;
        let refused = site.erase(&ctx_in(HOME), &user).await.unwrap_err();
        let EraseError::Port(refused) = refused else {
            panic!("{refused}")
        };
        assert!(refused.chain().contains(told), "{}", refused.chain());
        let rows = "SELECT COUNT(*) FROM users WHERE erased_at IS NOT NULL";
        assert_eq!(world.number(rows).await, 0, "nothing is half-done");
        assert!(site.kept.0.lock().unwrap().is_empty());
    }
}

/// The log tells of a key that was destroyed, and the registry is not listed with those of persons.
async fn a_registry_is_complete_without_the_keys_of_the_erased(world: World) {
    let mut factory = Factory::new(0xEA);
    let gone = person(&world, &mut factory).await;
    Site::of(&world).erase(&ctx_in(HOME), &gone.user).await.unwrap();
    let destroyed = "SELECT COUNT(*) FROM audit_intake WHERE action = 'key.destroy'";
    assert_eq!(world.number(destroyed).await, 1);
    let (wrapper, ambient) = (wrapper(), Ambient::system());
    let keys = Keys {
        units: &world.store,
        reader: &world.store,
        wrapper: &wrapper,
        keyring: &world.keyring,
        ambient: &ambient,
        settle: std::time::Duration::ZERO,
    };
    keys.ensure(&ctx_in(HOME), &[], &world.store).await.unwrap();
}
