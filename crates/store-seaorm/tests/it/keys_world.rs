//! What tests of the key registry share: a clock with hands, persons with rights, the use cases over a world.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use uuid::Uuid;
use vutf_app::keys::{Destruction, DestructionRequest, Keys, NewKey};
use vutf_crypto_keys::{
    KeyRecord, KeyState, Keyring, Purpose, ReasonCode, ServiceUse, memory::MemoryWrapper,
};
use vutf_identity::role::permission;
use vutf_kernel::{
    Actor, Ambient, Clock, Ctx, Grants, OrganizationId, OsEntropy, Permission, SessionId, SystemClock,
    Timestamp, UserId,
};
use vutf_store_seaorm::{SeaStore, key_purposes};

use crate::world::{World, connect, ctx_in, options, wrapper};

pub(crate) const HOME: OrganizationId = OrganizationId::DEFAULT;

/// The machine's clock, moved on.
#[derive(Clone, Default)]
pub(crate) struct Hands(Arc<AtomicI64>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        let moved = Duration::from_secs(self.0.load(Ordering::SeqCst).unsigned_abs());
        SystemClock.now().plus(moved)
    }
}

pub(crate) struct Handles {
    pub(crate) wrapper: MemoryWrapper,
    pub(crate) ambient: Ambient,
    pub(crate) settle: Duration,
    hands: Hands,
}

impl Handles {
    /// Where every replica hears of a change at once.
    pub(crate) fn new() -> Self {
        let hands = Hands::default();
        Self {
            wrapper: wrapper(),
            ambient: Ambient::new(Arc::new(hands.clone()), Arc::new(|| Box::new(OsEntropy))),
            settle: Duration::ZERO,
            hands,
        }
    }

    pub(crate) fn move_on(&self, by: Duration) {
        let seconds = i64::try_from(by.as_secs()).unwrap();
        self.hands.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn keys<'a>(&'a self, world: &'a World) -> Keys<'a> {
        self.of(&world.store, &world.keyring)
    }

    pub(crate) fn of<'a>(&'a self, store: &'a SeaStore, keyring: &'a Keyring) -> Keys<'a> {
        Keys {
            units: store,
            reader: store,
            wrapper: &self.wrapper,
            keyring,
            ambient: &self.ambient,
            settle: self.settle,
        }
    }

    /// What another process does at its start.
    pub(crate) async fn start(&self, world: &World) -> Result<Arc<Keyring>, vutf_app::keys::KeysError> {
        let (store, keyring) = connect(&options(&world.place.url())).await;
        let done = self
            .of(&store, &keyring)
            .ensure(&ctx_in(HOME), &key_purposes(), &store)
            .await;
        store.close().await;
        done.map(|_| keyring)
    }

    pub(crate) async fn create(&self, world: &World, purpose: &Purpose, activate: bool) -> KeyRecord {
        let new = NewKey {
            purpose: purpose.clone(),
            activate,
            not_after: None,
        };
        self.keys(world).create(&custodian(1), new).await.unwrap()
    }

    pub(crate) async fn bring(&self, world: &World, key: &KeyRecord, next: KeyState) -> KeyRecord {
        let reason = ReasonCode::Unspecified.into();
        self.keys(world)
            .transition(&custodian(1), key.id, next, &reason)
            .await
            .unwrap()
    }

    /// A key that was in use and is not any more.
    pub(crate) async fn retired(&self, world: &World, name: &str) -> KeyRecord {
        let made = self.create(world, &named(name), true).await;
        self.bring(world, &made, KeyState::Deactivated).await
    }

    /// A request by the first custodian.
    pub(crate) async fn ask(&self, world: &World, key: &KeyRecord) -> DestructionRequest {
        let reason = ReasonCode::Cessation.into();
        let asked = self
            .keys(world)
            .request_destruction(&custodian(1), key.id, &reason)
            .await;
        match asked.unwrap() {
            Destruction::Pending(request) => request,
            Destruction::Destroyed(key) => panic!("{key:?}"),
        }
    }

    pub(crate) async fn record(&self, world: &World, key: &KeyRecord) -> KeyRecord {
        self.keys(world).get(&custodian(1), key.id).await.unwrap().record
    }
}

/// A key that other programs use.
pub(crate) fn named(name: &str) -> Purpose {
    Purpose::service(ServiceUse::Encrypt, name)
}

/// A user with these rights; each number is another one.
pub(crate) fn person(number: u8, grants: &[Permission]) -> Ctx {
    let id = Uuid::from_bytes([number; 16]);
    Ctx {
        actor: Actor::User {
            user_id: UserId::from_uuid(id),
            session_id: SessionId::from_uuid(id),
        },
        grants: grants.iter().cloned().collect::<Grants>(),
        ..ctx_in(HOME)
    }
}

pub(crate) fn custodian(number: u8) -> Ctx {
    person(number, &[permission::KEYS_READ, permission::KEYS_MANAGE])
}

/// Events of an action that ended so.
pub(crate) async fn events(world: &World, action: &str, outcome: &str) -> i64 {
    let sql =
        format!("SELECT COUNT(*) FROM audit_intake WHERE action = '{action}' AND outcome = '{outcome}'");
    world.number(&sql).await
}
