//! What every adapter of the key registry must do.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a contract that is broken fails the test that runs it"
)]

use std::sync::Arc;

use tokio::task::JoinSet;
use vutf_app::UnitOfWork;
use vutf_crypto_keys::{
    Algorithm, KeyReader, KeyRecord, KeyState, KeysTx, Purpose, WrappedBy,
    memory::{MemoryKeys, MemoryKeysTx},
};
use vutf_kernel::{Fault, KeyId, OrganizationId, PortError, Transaction, Units, UserId};

use super::{
    NEIGHBOUR,
    keys_lifecycle::lifecycle_contract,
    unit::{Store, Unit},
};
use crate::factory::Factory;

const HOME: OrganizationId = OrganizationId::DEFAULT;

/// A registry under test.
#[derive(Clone)]
pub enum KeyStore {
    /// The in-memory twin.
    Memory(MemoryKeys),
    /// A database; it knows [`NEIGHBOUR`].
    Store(Arc<dyn Store>),
}

pub(super) trait KeysUnit: KeysTx + Transaction {}
impl KeysUnit for MemoryKeysTx {}
impl KeysUnit for Unit {}

impl KeyStore {
    pub(super) async fn begin(&self) -> Box<dyn KeysUnit> {
        match self {
            Self::Memory(keys) => Box::new(keys.begin()),
            Self::Store(store) => {
                let units: &dyn Units<dyn UnitOfWork> = &**store;
                Box::new(Unit(units.begin().await.expect("a transaction begins")))
            }
        }
    }
    async fn insert(&self, record: &KeyRecord) -> Result<(), PortError> {
        let mut tx = self.begin().await;
        tx.keys().insert(record).await?;
        tx.commit().await
    }
    async fn replace(&self, record: &KeyRecord) -> Result<(), PortError> {
        let mut tx = self.begin().await;
        tx.keys().replace(record).await?;
        tx.commit().await
    }
    async fn list(&self, organization: Option<OrganizationId>) -> Vec<KeyRecord> {
        self.reader().list(organization).await.unwrap()
    }
    pub(super) fn reader(&self) -> &dyn KeyReader {
        match self {
            Self::Memory(keys) => keys,
            Self::Store(store) => &**store,
        }
    }
    async fn find(&self, id: KeyId) -> Option<KeyRecord> {
        self.list(None).await.into_iter().find(|key| key.id == id)
    }
}

/// Runs the whole suite.
///
/// # Panics
/// Where the contract is broken.
pub async fn keys_contract(store: KeyStore) {
    let mut factory = Factory::new(0x6b65_7973);
    every_field_comes_back(&store, &mut factory).await;
    a_version_of_a_purpose_exists_once_in_a_tenant(&store, &mut factory).await;
    a_replacement_is_of_the_revision_before(&store, &mut factory).await;
    one_of_many_replaces(&store, &mut factory).await;
    what_is_not_committed_is_not_there(&store, &mut factory).await;
    a_key_of_a_person_is_found_by_its_algorithm(&store, &mut factory).await;
    the_registry_is_listed_in_parts(&store, &mut factory).await;
    one_key_is_found_whoever_it_belongs_to(&store, &mut factory).await;
    lifecycle_contract(&store, &mut factory).await;
}

fn record(factory: &mut Factory, purpose: &str) -> KeyRecord {
    let now = factory.now();
    KeyRecord {
        id: KeyId::from_uuid(factory.id()),
        organization_id: HOME,
        purpose: Purpose::mac(purpose),
        version: 1,
        algorithm: Algorithm::HmacSha256,
        state: KeyState::Active,
        wrapped: factory.bytes::<57>().to_vec(),
        wrapped_by: WrappedBy::Kek("kek:with:colons".into()),
        public_key: None,
        fingerprint: factory.bytes(),
        created_at: now,
        activated_at: Some(factory.now()),
        state_changed_at: factory.now(),
        not_after: None,
        revision: 1,
        mac: factory.bytes(),
    }
}

async fn every_field_comes_back(store: &KeyStore, factory: &mut Factory) {
    let plain = record(factory, "plain");
    let full = KeyRecord {
        purpose: Purpose::index("some_table", "some-column"),
        version: u32::MAX,
        algorithm: Algorithm::Ed25519,
        state: KeyState::PreActivation,
        wrapped: Vec::new(),
        wrapped_by: WrappedBy::Tenant(plain.id),
        public_key: Some(factory.bytes::<32>().to_vec()),
        activated_at: None,
        not_after: Some(factory.now()),
        ..record(factory, "full")
    };
    for key in [&plain, &full] {
        store.insert(key).await.unwrap();
        assert_eq!(store.find(key.id).await.as_ref(), Some(key));
        assert!(store.list(Some(HOME)).await.contains(key));
        assert!(!store.list(Some(NEIGHBOUR)).await.contains(key));
    }
}

async fn a_key_of_a_person_is_found_by_its_algorithm(store: &KeyStore, factory: &mut Factory) {
    let wanted = Algorithm::Xaes256Gcm;
    let personal = |factory: &mut Factory| KeyRecord {
        purpose: Purpose::subject(UserId::from_uuid(factory.id())),
        algorithm: wanted,
        wrapped_by: WrappedBy::Tenant(KeyId::from_uuid(factory.id())),
        ..record(factory, "person")
    };
    let others = [
        KeyRecord {
            state: KeyState::Destroyed,
            wrapped: Vec::new(),
            ..personal(factory)
        },
        KeyRecord {
            algorithm: Algorithm::XChaCha20Poly1305,
            ..personal(factory)
        },
        KeyRecord {
            purpose: Purpose::field("person"),
            ..personal(factory)
        },
    ];
    for key in &others {
        store.insert(key).await.unwrap();
    }
    assert_eq!(store.reader().find_personal(wanted).await.unwrap(), None);
    let key = personal(factory);
    store.insert(&key).await.unwrap();
    assert_eq!(store.reader().find_personal(wanted).await.unwrap(), Some(key));
}

async fn the_registry_is_listed_in_parts(store: &KeyStore, factory: &mut Factory) {
    let tenant = KeyRecord {
        purpose: Purpose::Tenant,
        version: 1_000_000,
        state: KeyState::Deactivated,
        ..record(factory, "part")
    };
    let mut below: Vec<KeyRecord> = Vec::new();
    for version in 1..=5 {
        let purpose = if version == 5 {
            Purpose::subject(UserId::from_uuid(factory.id()))
        } else {
            Purpose::mac("part")
        };
        below.push(KeyRecord {
            purpose,
            version,
            state: KeyState::Deactivated,
            wrapped_by: WrappedBy::Tenant(tenant.id),
            ..record(factory, "part")
        });
    }
    below.push(KeyRecord {
        version: 6,
        state: KeyState::Destroyed,
        wrapped: Vec::new(),
        wrapped_by: WrappedBy::Tenant(tenant.id),
        ..record(factory, "part")
    });
    for key in below.iter().chain([&tenant]) {
        store.insert(key).await.unwrap();
    }
    below.sort_by_key(|key| key.id);

    let reader = store.reader();
    for (of, expected) in [(None, true), (Some(HOME), true), (Some(NEIGHBOUR), false)] {
        let found = reader.list_tenant_keys(of).await.unwrap();
        assert_eq!(found.contains(&tenant), expected);
        assert!(found.iter().all(|key| key.purpose == Purpose::Tenant));
    }
    let mut found: Vec<KeyRecord> = Vec::new();
    loop {
        let after = found.last().map(|key| key.id);
        let page = reader.list_wrapped_by(tenant.id, after, 2).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(
        found, below,
        "of persons and destroyed ones too, in the order of their ids"
    );
}

async fn a_version_of_a_purpose_exists_once_in_a_tenant(store: &KeyStore, factory: &mut Factory) {
    let first = record(factory, "once");
    store.insert(&first).await.unwrap();
    let again = record(factory, "once");
    assert_eq!(store.insert(&again).await.unwrap_err().fault, Fault::Duplicate);
    let same_id = KeyRecord {
        id: first.id,
        ..record(factory, "once-more")
    };
    assert_eq!(store.insert(&same_id).await.unwrap_err().fault, Fault::Duplicate);
    assert_eq!(store.find(again.id).await, None);
    assert_eq!(store.find(first.id).await, Some(first));

    let next = KeyRecord { version: 2, ..again };
    let refused = store.insert(&next).await.unwrap_err();
    assert_eq!(refused.fault, Fault::Duplicate, "one version is active at a time");
    let waiting = KeyRecord {
        state: KeyState::PreActivation,
        ..next
    };
    store.insert(&waiting).await.expect("another version");
    let second_active = KeyRecord {
        state: KeyState::Active,
        revision: 2,
        ..waiting
    };
    let refused = store.replace(&second_active).await.unwrap_err();
    assert_eq!(refused.fault, Fault::Duplicate, "one version is active at a time");
    let elsewhere = KeyRecord {
        organization_id: NEIGHBOUR,
        ..record(factory, "once")
    };
    store.insert(&elsewhere).await.expect("another tenant");
    assert!(store.list(Some(NEIGHBOUR)).await.contains(&elsewhere));
}

async fn a_replacement_is_of_the_revision_before(store: &KeyStore, factory: &mut Factory) {
    let active = record(factory, "replaced");
    store.insert(&active).await.unwrap();
    let retired = KeyRecord {
        state: KeyState::Deactivated,
        wrapped: factory.bytes::<20>().to_vec(),
        not_after: Some(factory.now()),
        revision: 2,
        mac: factory.bytes(),
        ..active.clone()
    };
    for revision in [0, 1, 3] {
        let unfit = KeyRecord {
            revision,
            ..retired.clone()
        };
        assert_eq!(store.replace(&unfit).await.unwrap_err().fault, Fault::Stale);
        assert_eq!(store.find(active.id).await.as_ref(), Some(&active));
    }
    store.replace(&retired).await.unwrap();
    assert_eq!(store.find(active.id).await.as_ref(), Some(&retired));
    let again = store.replace(&retired).await.unwrap_err();
    assert_eq!(again.fault, Fault::Stale);
    let unknown = KeyRecord {
        revision: 2,
        ..record(factory, "unknown")
    };
    let missing = store.replace(&unknown).await.unwrap_err();
    assert_eq!(missing.fault, Fault::Stale);
}

async fn one_of_many_replaces(store: &KeyStore, factory: &mut Factory) {
    let active = record(factory, "raced");
    store.insert(&active).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..32 {
        let (store, mut next) = (store.clone(), active.clone());
        next.state = KeyState::Deactivated;
        next.revision = 2;
        next.mac = factory.bytes();
        tasks.spawn(async move {
            let done = store.replace(&next).await;
            (next, done.map_err(|error| error.fault))
        });
    }
    let (won, lost): (Vec<_>, Vec<_>) = tasks
        .join_all()
        .await
        .into_iter()
        .partition(|(_, done)| done.is_ok());
    assert_eq!(won.len(), 1);
    assert!(
        lost.iter()
            .all(|(_, fault)| matches!(fault, Err(Fault::Stale | Fault::Contention)))
    );
    assert_eq!(store.find(active.id).await.as_ref(), Some(&won[0].0));
}

async fn what_is_not_committed_is_not_there(store: &KeyStore, factory: &mut Factory) {
    let (rolled_back, dropped) = (record(factory, "rolled-back"), record(factory, "dropped"));
    let mut tx = store.begin().await;
    tx.keys().insert(&rolled_back).await.unwrap();
    assert_eq!(
        store.find(rolled_back.id).await,
        None,
        "readers see what is committed"
    );
    tx.rollback().await.unwrap();
    let mut tx = store.begin().await;
    tx.keys().insert(&dropped).await.unwrap();
    drop(tx);
    assert_eq!(store.find(rolled_back.id).await, None);
    assert_eq!(store.find(dropped.id).await, None);
}

async fn one_key_is_found_whoever_it_belongs_to(store: &KeyStore, factory: &mut Factory) {
    let own = record(factory, "found");
    let theirs = KeyRecord {
        organization_id: NEIGHBOUR,
        ..record(factory, "found")
    };
    let person = KeyRecord {
        purpose: Purpose::subject(UserId::from_uuid(factory.id())),
        ..record(factory, "person")
    };
    for key in [&own, &theirs, &person] {
        store.insert(key).await.unwrap();
        assert_eq!(store.reader().find(key.id).await.unwrap().as_ref(), Some(key));
    }
    let unknown = KeyId::from_uuid(factory.id());
    assert_eq!(store.reader().find(unknown).await.unwrap(), None);
}
