//! Tenant keys under another key-encryption key, on a real database: replicas at once, beside rotations, cut off, tampered with.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use tokio::task::JoinSet;
use vutf_app::keys::{Keys, KeysError, Target};
use vutf_crypto_keys::{
    KekSet, KeyReader as _, KeyRecord, KeyWrapper, Keyring, KeysTx, LoadError, Purpose, memory::MemoryWrapper,
};
use vutf_identity::role::permission;
use vutf_kernel::{
    Actor, Ambient, Class, Ctx, Env, Fault, Grants, OrganizationId, Permission, PortError, Secret, SessionId,
    UserId,
};
use vutf_testkit::{contracts::NEIGHBOUR, factory::Factory};

use crate::world::{World, ctx_in, wrapper};

on_both!(
    replicas_that_rewrap_at_once_beside_a_rotation_move_every_tenant_key_and_nothing_else,
    a_tenant_key_that_cannot_be_opened_is_left_and_recorded_and_the_others_move,
    a_rewrap_that_was_cut_off_goes_on_where_it_was,
    a_person_moves_the_keys_of_their_own_tenant_only
);

const HOME: OrganizationId = OrganizationId::DEFAULT;
const PERSONS: usize = 200;

/// Lets so many keys be wrapped, and is out of reach after that.
struct Limited {
    inner: MemoryWrapper,
    left: AtomicUsize,
}

#[async_trait]
impl KeyWrapper for Limited {
    fn kek_id(&self) -> &str {
        self.inner.kek_id()
    }
    async fn wrap(&self, key: &Secret<[u8; 32]>, context: &[u8]) -> Result<Vec<u8>, PortError> {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(PortError::new("kek.wrap", Fault::Unreachable, "out of reach"));
        }
        self.left.store(left - 1, Ordering::SeqCst);
        self.inner.wrap(key, context).await
    }
    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Secret<[u8; 32]>, PortError> {
        self.inner.unwrap(wrapped, context).await
    }
    async fn ping(&self) -> Result<(), PortError> {
        Ok(())
    }
    fn technology(&self) -> &'static str {
        "test"
    }
}

fn next(wraps: usize) -> Limited {
    Limited {
        inner: MemoryWrapper::new("kek-next", Secret::new([0x4C; 32])).unwrap(),
        left: AtomicUsize::new(wraps),
    }
}

fn moving(wraps: usize) -> KekSet {
    KekSet::new(Arc::new(next(wraps)), vec![], vec![Arc::new(wrapper())]).unwrap()
}

fn keys<'a>(world: &'a World, wrapper: &'a dyn KeyWrapper, ambient: &'a Ambient) -> Keys<'a> {
    Keys {
        units: &world.store,
        reader: &world.store,
        wrapper,
        keyring: &world.keyring,
        ambient,
        settle: vutf_crypto_keys::destruction::SETTLE,
    }
}

/// Keys of persons, as many as make a difference if they were touched.
async fn add_persons(world: &World) {
    let ambient = Ambient::system();
    let mut entropy = ambient.entropy();
    let mut env = Env {
        clock: ambient.clock(),
        entropy: &mut *entropy,
    };
    let mut factory = Factory::new(11);
    let mut unit = world.unit().await;
    for _ in 0..PERSONS {
        let person = UserId::from_uuid(factory.id());
        let (record, _) = world.keyring.new_subject_key(&mut env, HOME, person).unwrap();
        KeysTx::keys(&mut *unit).insert(&record).await.unwrap();
    }
    unit.commit().await.unwrap();
}

async fn below(world: &World) -> Vec<KeyRecord> {
    let mut found = Vec::new();
    for tenant in world.store.list_tenant_keys(None).await.unwrap() {
        found.extend(
            world
                .store
                .list_wrapped_by(tenant.id, None, 10_000)
                .await
                .unwrap(),
        );
    }
    found.sort_by_key(|record| record.id);
    found
}

async fn events(world: &World, outcome: &str) -> i64 {
    let sql =
        format!("SELECT COUNT(*) FROM audit_intake WHERE action = 'key.rewrap' AND outcome = '{outcome}'");
    world.number(&sql).await
}

async fn replicas_that_rewrap_at_once_beside_a_rotation_move_every_tenant_key_and_nothing_else(world: World) {
    add_persons(&world).await;
    let before = below(&world).await;
    let world = Arc::new(world);
    let mut replicas = JoinSet::new();
    for replica in 0..4 {
        let world = Arc::clone(&world);
        replicas.spawn(async move {
            let (set, ambient) = (moving(usize::MAX), Ambient::system());
            let keys = keys(&world, &set, &ambient);
            if replica == 0 {
                let target = Target::Purpose(Purpose::Tenant);
                match keys.rotate(&ctx_in(HOME), &target).await {
                    Ok(_) | Err(KeysError::RotatedMeanwhile) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            keys.rewrap(&ctx_in(HOME)).await.unwrap()
        });
    }
    let reports = replicas.join_all().await;
    assert!(reports.iter().all(|report| report.refused.is_empty()));
    let (set, ambient) = (moving(usize::MAX), Ambient::system());
    let last = keys(&world, &set, &ambient);
    let rest = last.rewrap(&ctx_in(HOME)).await.unwrap();
    assert!(rest.is_complete());
    let written: usize = reports.iter().chain([&rest]).map(|report| report.rewrapped).sum();
    assert_eq!(events(&world, "success").await, i64::try_from(written).unwrap());
    assert_eq!(written, 2, "each of the old rows once");
    assert_eq!(below(&world).await, before, "no data key was touched");

    let alone = next(0);
    let checked = keys(&world, &alone, &ambient)
        .verify_wraps(&ctx_in(HOME))
        .await
        .unwrap();
    assert_eq!((checked.verified, checked.refused.len()), (rest.tenants, 0));
    let in_use = last.keks_in_use(&ctx_in(HOME)).await.unwrap();
    assert_eq!(
        in_use.into_iter().collect::<Vec<_>>(),
        [("kek-next".to_owned(), rest.tenants)]
    );
    let ring = Keyring::new();
    ring.load(&alone, world.store.list(None).await.unwrap())
        .await
        .unwrap();
}

async fn a_tenant_key_that_cannot_be_opened_is_left_and_recorded_and_the_others_move(world: World) {
    let neighbour = world.id(NEIGHBOUR.as_uuid());
    let forged = format!(
        "UPDATE crypto_keys SET not_after = not_after + 1 WHERE purpose = 'tenant' AND organization_id = {neighbour}"
    );
    assert_eq!(world.sql(&forged).await, 1);
    let (set, ambient) = (moving(usize::MAX), Ambient::system());
    let keys = keys(&world, &set, &ambient);
    let report = keys.rewrap(&ctx_in(HOME)).await.unwrap();
    assert_eq!((report.tenants, report.rewrapped, report.contended), (2, 1, 0));
    let [(key_id, LoadError::RecordMac { .. })] = report.refused.as_slice() else {
        panic!("{:?}", report.refused)
    };
    assert!(!report.is_complete());
    assert_eq!(
        (events(&world, "success").await, events(&world, "refused").await),
        (1, 1)
    );
    let rows = world.store.list_tenant_keys(Some(NEIGHBOUR)).await.unwrap();
    assert_eq!((rows[0].id, rows[0].revision), (*key_id, 1), "left as it was");
    let checked = keys.verify_wraps(&ctx_in(HOME)).await.unwrap();
    assert_eq!((checked.verified, checked.refused.len()), (1, 1));
    let in_use = keys.keks_in_use(&ctx_in(HOME)).await.unwrap();
    assert_eq!(in_use.get("kek-test"), Some(&1), "the old key is still needed");
}

async fn a_rewrap_that_was_cut_off_goes_on_where_it_was(world: World) {
    let (set, ambient) = (moving(1), Ambient::system());
    let error = keys(&world, &set, &ambient)
        .rewrap(&ctx_in(HOME))
        .await
        .unwrap_err();
    assert_eq!(error.class(), Class::Unavailable);
    assert_eq!(events(&world, "success").await, 1);
    let (set, ambient) = (moving(1), Ambient::system());
    let report = keys(&world, &set, &ambient).rewrap(&ctx_in(HOME)).await.unwrap();
    assert_eq!((report.tenants, report.rewrapped), (2, 1));
    assert!(report.is_complete());
    let nothing_left = moving(0);
    let report = keys(&world, &nothing_left, &ambient)
        .rewrap(&ctx_in(HOME))
        .await
        .unwrap();
    assert_eq!((report.rewrapped, events(&world, "success").await), (0, 2));
}

fn person(grants: impl IntoIterator<Item = Permission>) -> Ctx {
    let mut factory = Factory::new(7);
    let actor = Actor::User {
        user_id: UserId::from_uuid(factory.id()),
        session_id: SessionId::from_uuid(factory.id()),
    };
    Ctx {
        actor,
        grants: Grants::from_iter(grants),
        ..ctx_in(HOME)
    }
}

async fn a_person_moves_the_keys_of_their_own_tenant_only(world: World) {
    let (set, ambient) = (moving(usize::MAX), Ambient::system());
    let keys = keys(&world, &set, &ambient);
    let error = keys.rewrap(&person([permission::KEYS_READ])).await.unwrap_err();
    assert!(matches!(error, KeysError::Denied(_)), "{error}");
    assert_eq!(events(&world, "refused").await, 1);
    let report = keys.rewrap(&person([permission::KEYS_MANAGE])).await.unwrap();
    assert_eq!((report.tenants, report.rewrapped), (1, 1));
    let theirs = world.store.list_tenant_keys(Some(NEIGHBOUR)).await.unwrap();
    assert!(
        theirs
            .iter()
            .all(|record| record.wrapped_by.to_string() == "kek:kek-test")
    );
}
